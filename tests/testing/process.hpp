// Child processes of tests: work that may be killed, and work that races.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>

namespace drkit::testing {

/// Runs the work in a child process, which ends with the work's answer and runs no destructor of the parent's.
class Child {
 public:
  explicit Child(const std::function<int()>& work) {
    std::fflush(nullptr);  // or the child may print the parent's lines again
    pid_ = ::fork();
    if (pid_ == 0) ::_exit(work());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) kill_now();
  }

  bool started() const { return pid_ > 0; }
  /// Ends the child wherever it is and answers its status.
  int kill_now() {
    ::kill(pid_, SIGKILL);
    return wait();
  }
  /// Waits for the end; the exit code, or minus the signal.
  int wait() {
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) return -1000;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace drkit::testing
