// Child processes: started under another account when needed, waited for with the caller's cancel, never left behind.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/types.h>

#include <drkit/context.hpp>
#include <drkit/result.hpp>

namespace drkit::systems::postgres {

/// Who a child runs as.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

/// The owner of a path with the groups that the system gives it. Errors: io.
Result<Account> owner_of(const std::string& path);

struct ChildCommand {
  std::vector<std::string> arguments;  ///< the first is the program, an absolute path
  std::map<std::string, std::string> environment;
  std::string output;                 ///< file for standard error
  bool discard_stdout = false;        ///< standard output goes to nowhere instead of to the file
  int stdout_fd = -1;                 ///< standard output goes there instead; stays the caller's
  std::optional<Account> account;     ///< used only when this process is root
  std::string input;                  ///< file for standard input; "" is nothing
  int parent_death_signal = SIGKILL;  ///< sent when this process dies
};

/// Thread-safety: one thread at a time; the thread that starts a child must outlive it.
class Child {
 public:
  static Result<Child> start(const ChildCommand& command);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  /// Kills the child and its process group when it still runs.
  ~Child();

  pid_t pid() const { return pid_; }
  /// Its exit code, 128 + signal when a signal ended it, null while it runs.
  std::optional<int> poll();
  /// Waits for the end. Errors: cancelled, timeout; the child still runs then. zero: no deadline.
  Result<int> wait(const Context& ctx, std::chrono::milliseconds timeout);
  void signal(int number) const;

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  std::optional<int> exit_;
};

/// Start, wait, answer the exit code; the child is killed on cancel. Errors: as start and wait.
Result<int> run_child(const Context& ctx, const ChildCommand& command);

}  // namespace drkit::systems::postgres
