// A shell command in a process group of its own, and the pipes to it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <drkit/context.hpp>
#include <drkit/result.hpp>

#include "base/posix_file.hpp"

namespace drkit::systems::process {

/// Writes all bytes to a pipe, terminal or file, without raising SIGPIPE and watching for cancellation. A blocking pipe
/// is written in small pieces, so that no write can hang.
Result<void> write_watching(const Context& ctx, int fd, ByteView bytes, std::string_view name);

/// Destruction kills the whole group and reaps the command.
/// Thread-safety: one thread at a time.
class Child {
 public:
  enum class Pipe : std::uint8_t { from_stdout, to_stdin };

  /// Runs /bin/sh -c command. What is not connected reads nothing, or is taken for its standard error.
  static Result<std::unique_ptr<Child>> spawn(const std::string& command, Pipe pipe);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// 0 at the end of the output.
  Result<std::size_t> read(const Context& ctx, std::span<std::byte> buffer);
  Result<void> write(const Context& ctx, ByteView bytes);
  /// Closes the pipe and waits. Errors: io when the command did not exit with 0, with the end of its standard error.
  Result<void> finish(const Context& ctx);

 private:
  Child(pid_t pid, base::UniqueFd pipe, base::UniqueFd errors)
      : pid_(pid), pipe_(std::move(pipe)), errors_(std::move(errors)) {}

  /// Waits until the pipe is ready (or, without one, for a moment) and takes what came on standard error.
  Result<bool> wait_ready(const Context& ctx, short events);
  void take_errors(const Context& ctx);
  Result<bool> reap();
  void kill_group() const;
  Result<void> judge() const;
  Error failure(std::string message) const;

  pid_t pid_;
  base::UniqueFd pipe_;
  base::UniqueFd errors_;
  std::string error_tail_;
  std::string line_;  // of standard error, not yet logged
  int status_ = 0;
  bool reaped_ = false;
};

}  // namespace drkit::systems::process
