#include "storage/s3/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "base/posix_file.hpp"
#include "storage/s3/digest.hpp"

extern char** environ;

namespace drkit::storage::s3 {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{64} << 10;
constexpr std::chrono::seconds kPatience{60};

Error refused(const char* why) {
  return Error(ErrorCode::unauthenticated, std::string("the credential process ") + why);
}

// A program in a process group of its own, ended with the group when it is given up.
class Program {
 public:
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    wait();
  }

  Result<void> start(const std::vector<std::string>& words, int output) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (::posix_spawn_file_actions_init(&actions) != 0) return refused("cannot be started");
    if (::posix_spawnattr_init(&attributes) != 0) {
      ::posix_spawn_file_actions_destroy(&actions);
      return refused("cannot be started");
    }
    sigset_t none;
    ::sigemptyset(&none);
    const int error = ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) |
                      ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) |
                      ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) |
                      ::posix_spawnattr_setsigmask(&attributes, &none) |
                      ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    const bool started =
        error == 0 && ::posix_spawnp(&pid_, arguments[0], &actions, &attributes, arguments.data(), environ) == 0;
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (started) return {};
    pid_ = -1;
    return refused("cannot be started");
  }

  /// Its exit code; nullopt when a signal ended it, or when the host does not let us know.
  std::optional<int> wait() {
    int status = 0;
    pid_t ended = 0;
    do {
      ended = ::waitpid(pid_, &status, 0);
    } while (ended < 0 && errno == EINTR);
    pid_ = -1;
    return ended > 0 && WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
  }

 private:
  pid_t pid_ = -1;
};

Result<void> read_all(const Context& ctx, int fd, std::string& output) {
  // No reallocation may leave half of a secret behind.
  output.reserve(kMaxOutput + 4096);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    DRKIT_TRY(ctx.check_cancelled());
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error(ErrorCode::timeout, "the credential process does not end", Retry::yes);
    }
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, 50) <= 0) continue;
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused("can not be read");
    if (got == 0) return {};
    output.append(buffer.data(), static_cast<std::size_t>(got));
    if (output.size() > kMaxOutput) return refused("writes too much");
  }
}

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view command) {
  std::vector<std::string> words;
  char quote = 0;
  bool in_word = false;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
      words.back() += command[++i];
    } else {
      words.back() += c;
    }
  }
  if (quote != 0 || words.empty()) return Error(ErrorCode::invalid_argument, "malformed credential_process");
  return words;
}

Result<std::string> run_program(const Context& ctx, const std::vector<std::string>& words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::errno_error(errno, "pipe", "");
  const base::UniqueFd from(ends[0]);
  base::UniqueFd to(ends[1]);
  Program program;
  DRKIT_TRY(program.start(words, to.get()));
  to = base::UniqueFd();
  std::string output;
  auto whole = read_all(ctx, from.get(), output);
  const bool good = whole.ok() && program.wait().value_or(0) == 0;
  if (good) return output;
  wipe(output);
  if (!whole) return std::move(whole).error();
  return refused("failed");
}

}  // namespace drkit::storage::s3
