#include "systems/filesystem/hard_links.hpp"

namespace drkit::systems::filesystem {

std::optional<std::string> HardLinks::first_name(const struct stat& status, const std::string& path) {
  const std::lock_guard lock(mutex_);
  const Key key{status.st_dev, status.st_ino};
  const auto found = seen_.find(key);
  if (found == seen_.end()) {
    seen_.emplace(key, Seen{path, status.st_nlink - 1});
    return std::nullopt;
  }
  if (--found->second.left > 0) return found->second.path;
  std::string first = std::move(found->second.path);
  seen_.erase(found);
  return first;
}

void HardLinks::forget(const struct stat& status) {
  const std::lock_guard lock(mutex_);
  seen_.erase(Key{status.st_dev, status.st_ino});
}

}  // namespace drkit::systems::filesystem
