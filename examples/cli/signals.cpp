#include "signals.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace cli {
namespace {

drkit::CancelToken* cancelled_by_signals = nullptr;

void cancel(int) { cancelled_by_signals->cancel(); }
void ignore(int) {}

void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigaction(number, &action, nullptr);
}

}  // namespace

void cancel_on_signals(drkit::CancelToken& token) {
  cancelled_by_signals = &token;
  // The default action is back after the first delivery; no SA_RESTART, so that a question on the terminal ends.
  handle(SIGINT, cancel, static_cast<int>(SA_RESETHAND));
  handle(SIGTERM, cancel, static_cast<int>(SA_RESETHAND));
  // A handler and not SIG_IGN: commands that are started get the default back. Writing then fails with EPIPE.
  handle(SIGPIPE, ignore, SA_RESTART);
}

void open_standard_descriptors() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) >= 0) continue;
    // The lowest free number is this one. The wrong direction on purpose: using it fails instead of losing output.
    [[maybe_unused]] const int fd = ::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace cli
