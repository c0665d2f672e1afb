#include "systems/process/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;

namespace drkit::systems::process {
namespace {

constexpr std::size_t kErrorTail = 4096;
constexpr std::size_t kLongestLine = 1024;
constexpr int kTickMs = 50;

struct PipePair {
  base::UniqueFd read_end;
  base::UniqueFd write_end;
};

// Never on 0, 1 or 2, which the caller may have closed: the child's are put there.
Result<base::UniqueFd> move_up(int fd) {
  base::UniqueFd low(fd);
  if (fd > STDERR_FILENO) return low;
  base::UniqueFd high(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!high) return base::errno_error(errno, "cannot duplicate a descriptor", "");
  return high;
}

Result<PipePair> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return base::errno_error(errno, "cannot make a pipe", "");
  base::UniqueFd write_end(ends[1]);
  PipePair pair;
  DRKIT_ASSIGN(pair.read_end, move_up(ends[0]));
  DRKIT_ASSIGN(pair.write_end, move_up(write_end.release()));
  return pair;
}

Result<void> set_non_blocking(int fd) {
  if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0) return {};
  return base::errno_error(errno, "cannot set up a pipe", "");
}

// Signals as a freshly started program expects them, whatever the caller ignores or blocks.
void set_signals(posix_spawnattr_t& attributes) {
  sigset_t none;
  sigset_t standard;
  ::sigemptyset(&none);
  ::sigemptyset(&standard);
  for (const int number : {SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&standard, number);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &standard);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
}

Result<pid_t> start(const std::string& command, int in, int out, int errors) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  set_signals(attributes);
  if (in >= 0) {
    ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
  // Descriptors that the embedding program left inheritable are none of the command's business.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
#endif
  std::string shell("sh");
  std::string option("-c");
  std::string text(command);
  const std::array<char*, 4> arguments = {shell.data(), option.data(), text.data(), nullptr};
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) return base::errno_error(failed, "cannot start the command", "/bin/sh");
  return pid;
}

// Keeps a failing write from killing the program, without touching its signal handlers.
class NoSigpipe {
 public:
  NoSigpipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  ~NoSigpipe() {
    const int saved = errno;
    const timespec now{};
    while (!was_pending_ && ::sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
    errno = saved;
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t old_;
  bool was_pending_ = false;
};

std::string one_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += " | ";
    } else {
      line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return line;
}

bool transient(int number) { return number == EAGAIN || number == EWOULDBLOCK || number == EINTR; }

}  // namespace

Result<void> write_watching(const Context& ctx, int fd, ByteView bytes, std::string_view name) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return base::errno_error(errno, "cannot look at the output", name);
  const bool may_block = !S_ISREG(status.st_mode) && (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
  const std::size_t piece = may_block ? 4096 : std::size_t{1} << 20;
  const NoSigpipe guard;
  while (!bytes.empty()) {
    DRKIT_TRY(ctx.check_cancelled());
    pollfd ready{fd, POLLOUT, 0};
    const int count = ::poll(&ready, 1, kTickMs);
    if (count < 0 && errno != EINTR) return base::errno_error(errno, "cannot wait for the output", name);
    if (count <= 0) continue;
    const ssize_t put = ::write(fd, bytes.data(), std::min(piece, bytes.size()));
    if (put < 0 && !transient(errno)) return base::errno_error(errno, "cannot write", name);
    if (put > 0) bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<std::unique_ptr<Child>> Child::spawn(const std::string& command, Pipe pipe) {
  DRKIT_ASSIGN(PipePair data, make_pipe());
  DRKIT_ASSIGN(PipePair errors, make_pipe());
  DRKIT_TRY(set_non_blocking(errors.read_end.get()));
  const bool reads = pipe == Pipe::from_stdout;
  base::UniqueFd& own = reads ? data.read_end : data.write_end;
  DRKIT_TRY(set_non_blocking(own.get()));
  const int in = reads ? -1 : data.read_end.get();
  const int out = reads ? data.write_end.get() : errors.write_end.get();
  DRKIT_ASSIGN(const pid_t pid, start(command, in, out, errors.write_end.get()));
  return std::unique_ptr<Child>(new Child(pid, std::move(own), std::move(errors.read_end)));
}

Child::~Child() {
  if (reaped_) return;
  kill_group();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// Only while the command is not reaped: afterwards the number may belong to somebody else.
void Child::kill_group() const {
  if (!reaped_) ::kill(-pid_, SIGKILL);
}

void Child::take_errors(const Context& ctx) {
  std::array<char, 4096> buffer;
  while (errors_) {
    const ssize_t got = ::read(errors_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && transient(errno)) return;
    if (got <= 0) {
      errors_ = base::UniqueFd();
      if (!line_.empty()) ctx.write_log(LogLevel::info, one_line(line_));
      line_.clear();
      return;
    }
    const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
    error_tail_ += text;
    if (error_tail_.size() > kErrorTail) error_tail_.erase(0, error_tail_.size() - kErrorTail);
    for (const char c : text) {
      if (c != '\n') line_ += c;
      if (c != '\n' && line_.size() < kLongestLine) continue;
      ctx.write_log(LogLevel::info, one_line(line_));
      line_.clear();
    }
  }
}

Result<bool> Child::wait_ready(const Context& ctx, short events) {
  if (auto going = ctx.check_cancelled(); !going.ok()) {
    kill_group();
    return std::move(going).error();
  }
  std::array<pollfd, 2> ready = {pollfd{pipe_.get(), events, 0}, pollfd{errors_.get(), POLLIN, 0}};
  if (::poll(ready.data(), ready.size(), kTickMs) < 0 && errno != EINTR) {
    return base::errno_error(errno, "cannot wait for the command", "");
  }
  if (ready[1].revents != 0) take_errors(ctx);
  return ready[0].revents != 0;
}

Result<std::size_t> Child::read(const Context& ctx, std::span<std::byte> buffer) {
  while (true) {
    DRKIT_ASSIGN(const bool ready, wait_ready(ctx, POLLIN));
    if (!ready) continue;
    const ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (!transient(errno)) return base::errno_error(errno, "cannot read the output of the command", "");
  }
}

Result<void> Child::write(const Context& ctx, ByteView bytes) {
  const NoSigpipe guard;
  while (!bytes.empty()) {
    DRKIT_ASSIGN(const bool ready, wait_ready(ctx, POLLOUT));
    if (!ready) continue;
    const ssize_t put = ::write(pipe_.get(), bytes.data(), bytes.size());
    if (put > 0) bytes = bytes.subspan(static_cast<std::size_t>(put));
    if (put >= 0 || transient(errno)) continue;
    if (errno != EPIPE) return base::errno_error(errno, "cannot write to the command", "");
    // Its exit status and its own words say more than a broken pipe does.
    DRKIT_TRY(finish(ctx));
    return failure("command stopped reading its input before the end");
  }
  return {};
}

Result<bool> Child::reap() {
  if (reaped_) return true;
  const pid_t answer = ::waitpid(pid_, &status_, WNOHANG);
  if (answer == 0 || (answer < 0 && errno == EINTR)) return false;
  reaped_ = true;
  if (answer == pid_) return true;
  return base::errno_error(errno, "cannot learn the exit status of the command", "");
}

Result<void> Child::finish(const Context& ctx) {
  pipe_ = base::UniqueFd();
  while (true) {
    DRKIT_ASSIGN(const bool done, reap());
    if (done) break;
    if (errors_) {
      DRKIT_TRY(wait_ready(ctx, 0));
    } else if (auto slept = ctx.clock->sleep_for(std::chrono::milliseconds(2), ctx.cancel); !slept.ok()) {
      kill_group();
      return slept;
    }
  }
  take_errors(ctx);
  return judge();
}

Error Child::failure(std::string message) const {
  return Error(ErrorCode::io, std::move(message)).with("stderr", one_line(error_tail_));
}

Result<void> Child::judge() const {
  if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return {};
  if (WIFSIGNALED(status_)) return failure("command was killed by signal " + std::to_string(WTERMSIG(status_)));
  return failure("command exited with status " + std::to_string(WEXITSTATUS(status_)));
}

}  // namespace drkit::systems::process
