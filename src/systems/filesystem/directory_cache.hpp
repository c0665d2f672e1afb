// Descriptors of the target's directories, so that most entries cost one lookup.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

#include "systems/filesystem/posix.hpp"

namespace drkit::systems::filesystem {

using SharedFd = std::shared_ptr<const UniqueFd>;

/// Opens directories below a root part by part, never through a symlink. Thread-safety: every member.
class DirectoryCache {
 public:
  explicit DirectoryCache(SharedFd root) : root_(std::move(root)) {}

  /// An O_PATH descriptor. The path was checked; "" is the root.
  /// Errors: corrupt when a symlink or another file is on the way, not_found.
  Result<SharedFd> open(std::string_view path);

 private:
  struct Known {
    std::string path;
    SharedFd fd;
    std::uint64_t used = 0;
  };
  SharedFd find(std::string_view path);
  void remember(std::string_view path, SharedFd fd);

  SharedFd root_;
  std::mutex mutex_;
  std::vector<Known> known_;
  std::uint64_t uses_ = 0;
};

}  // namespace drkit::systems::filesystem
