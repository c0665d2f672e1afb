#include "testing/as_nobody.hpp"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace drkit::testing {
namespace {

constexpr unsigned kNobody = 65534;

std::string in_child(const std::function<std::string()>& function) {
  if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) {
    return "cannot become nobody";
  }
  return function();
}

}  // namespace

std::string run_as_nobody(const std::function<std::string()>& function) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return "no pipe";
  const pid_t pid = ::fork();
  if (pid < 0) return "no child";
  if (pid == 0) {
    const std::string text = in_child(function);
    const bool written = ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string answer;
  std::array<char, 4096> buffer;
  for (ssize_t got; (got = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) answer += " (child died)";
  return answer;
}

}  // namespace drkit::testing
