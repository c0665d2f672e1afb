#include "systems/postgres/child.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

namespace drkit::systems::postgres {
namespace {

constexpr std::chrono::milliseconds kPollEvery{10};
constexpr int kCannotExecute = 127;

Error os_error(std::string message, int code) {
  return Error(ErrorCode::io, std::move(message)).with("os", std::strerror(code));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Everything that the child needs, made before the fork: after it only plain system calls are allowed.
struct Prepared {
  std::vector<std::string> arguments, environment;
  std::vector<char*> argv, envp;
  int input = -1, output = -1, error = -1;
  const Account* account = nullptr;
  int death_signal = SIGKILL;
  pid_t parent = 0;
};

[[noreturn]] void run_in_child(const Prepared& prepared) {
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < 32; ++number) ::signal(number, SIG_DFL);
  ::dup2(prepared.input, 0);
  ::dup2(prepared.output, 1);
  ::dup2(prepared.error, 2);
#ifdef SYS_close_range
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
#endif
  if (prepared.account != nullptr) {
    const Account& account = *prepared.account;
    // The raw calls: the library's would try to reach threads that the child does not have.
    if (::syscall(SYS_setgroups, account.groups.size(), account.groups.data()) != 0) ::_exit(kCannotExecute);
    if (::syscall(SYS_setresgid, account.gid, account.gid, account.gid) != 0) ::_exit(kCannotExecute);
    if (::syscall(SYS_setresuid, account.uid, account.uid, account.uid) != 0) ::_exit(kCannotExecute);
  }
  // A change of account clears this, so it comes after it.
  ::prctl(PR_SET_PDEATHSIG, prepared.death_signal);
  if (::getppid() != prepared.parent) ::_exit(kCannotExecute);
  ::execve(prepared.argv[0], prepared.argv.data(), prepared.envp.data());
  ::_exit(kCannotExecute);
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

}  // namespace

Result<Account> owner_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return os_error("cannot look at " + path, errno);
  Account account{status.st_uid, status.st_gid, {status.st_gid}};
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(status.st_uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    int count = 256;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    if (::getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) >= 0) {
      groups.resize(static_cast<std::size_t>(count));
      account.groups = std::move(groups);
    }
  }
  return account;
}

Result<Child> Child::start(const ChildCommand& command) {
  Prepared prepared;
  prepared.arguments = command.arguments;
  for (const auto& [name, value] : command.environment) prepared.environment.push_back(name + "=" + value);
  prepared.argv = pointers(prepared.arguments);
  prepared.envp = pointers(prepared.environment);
  const char* input_path = command.input.empty() ? "/dev/null" : command.input.c_str();
  const Descriptor input(::open(input_path, O_RDONLY | O_CLOEXEC));
  const Descriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const Descriptor log(::open(command.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (input.get() < 0 || nowhere.get() < 0 || log.get() < 0)
    return os_error("cannot open the files of a child process", errno);
  prepared.input = input.get();
  prepared.output = command.discard_stdout ? nowhere.get() : log.get();
  if (command.stdout_fd >= 0) prepared.output = command.stdout_fd;
  prepared.error = log.get();
  prepared.account = ::geteuid() == 0 && command.account ? &*command.account : nullptr;
  prepared.death_signal = command.parent_death_signal;
  prepared.parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return os_error("cannot start a child process", errno);
  if (pid == 0) run_in_child(prepared);
  return Child(pid);
}

Child::Child(Child&& other) noexcept : pid_(other.pid_), exit_(other.exit_) { other.pid_ = -1; }

Child::~Child() {
  if (pid_ < 0 || poll()) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<int> Child::poll() {
  if (exit_) return exit_;
  int status = 0;
  const pid_t answer = ::waitpid(pid_, &status, WNOHANG);
  if (answer == pid_) {
    exit_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  } else if (answer < 0 && errno == ECHILD) {
    // Someone else took the exit code; it cannot be told apart from a failure.
    exit_ = kCannotExecute;
  }
  return exit_;
}

Result<int> Child::wait(const Context& ctx, std::chrono::milliseconds timeout) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    if (const auto code = poll()) return *code;
    DRKIT_TRY(ctx.check_cancelled());
    if (timeout.count() > 0 && std::chrono::steady_clock::now() - start > timeout) {
      return Error(ErrorCode::timeout, "a child process did not end in time");
    }
    std::this_thread::sleep_for(kPollEvery);
  }
}

void Child::signal(int number) const {
  if (pid_ > 0 && !exit_) ::kill(pid_, number);
}

Result<int> run_child(const Context& ctx, const ChildCommand& command) {
  DRKIT_ASSIGN(Child child, Child::start(command));
  return child.wait(ctx, std::chrono::milliseconds::zero());
}

}  // namespace drkit::systems::postgres
