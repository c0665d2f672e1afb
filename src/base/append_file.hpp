// AppendFile: a file that grows by small parts, each of which is made durable.
#pragma once

#include <string>

#include "base/posix_file.hpp"

namespace drkit::base {

/// Parts are written over zeros that were written before them, some ahead: a sync then finds nothing new to note about
/// the file but its bytes, and takes half the time. So a reader may find zeros behind the end.
/// Thread-safety: one thread at a time.
class AppendFile {
 public:
  AppendFile() = default;
  /// `fd`: open for writing, empty. zeros_until: no zeros ahead make it longer than that.
  AppendFile(UniqueFd fd, std::string path, std::uint64_t zeros_until)
      : fd_(std::move(fd)), path_(std::move(path)), zeros_until_(zeros_until) {}

  explicit operator bool() const { return static_cast<bool>(fd_); }
  /// Durable after sync(). Errors: no_space, io: nothing counts as appended, and the same call may be made again.
  Result<void> append(ByteView bytes);
  /// Errors: io; the file can then no longer be relied on behind what was synced before.
  Result<void> sync();
  Result<void> close() { return fd_.close(path_); }

 private:
  void write_zeros(std::uint64_t upto);

  UniqueFd fd_;
  std::string path_;
  std::uint64_t zeros_until_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t zeroed_ = 0;
};

}  // namespace drkit::base
