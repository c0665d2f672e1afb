// Writes large pieces of a restored file past the page cache.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "base/posix_file.hpp"

namespace drkit::systems::filesystem {

/// What a restore writes it does not read again: a copy of it in memory costs more time than all else that is done to
/// it. Only whole blocks can go this way, and not every file system takes them. Thread-safety: any thread.
class DirectWriter {
 public:
  /// The file is new and will have this size.
  explicit DirectWriter(std::uint64_t size_bytes) : size_bytes_(size_bytes) {}

  /// Takes the room for the whole file at once. fd as below. Errors: no_space.
  Result<void> reserve(int fd, std::string_view path);
  /// fd: the file, open for writing. False: the caller has to write all of the bytes in the usual way.
  Result<bool> write(int fd, ByteView bytes, std::uint64_t offset, std::string_view path);

 private:
  /// The descriptor; none where the file system does not do this.
  int open(int fd);

  const std::uint64_t size_bytes_;
  std::mutex mutex_;
  base::UniqueFd fd_;
  bool tried_ = false;
  std::atomic<bool> reserved_{false};
};

}  // namespace drkit::systems::filesystem
