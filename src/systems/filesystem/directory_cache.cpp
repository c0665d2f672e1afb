#include "systems/filesystem/directory_cache.hpp"

#include <algorithm>
#include <cerrno>

#include "systems/filesystem/target_path.hpp"

namespace drkit::systems::filesystem {
namespace {

constexpr std::size_t kMaxKnown = 32;

Result<SharedFd> open_part(int parent, const std::string& name, std::string_view path) {
  const int fd = ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) return std::make_shared<const UniqueFd>(fd);
  if (errno != ENOTDIR && errno != ELOOP) return errno_error(errno, "open the parent directory", path);
  struct stat status;
  const bool link = ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  return Error(ErrorCode::corrupt,
               link ? "refused path: a symbolic link is on the way" : "refused path: a part of it is not a directory")
      .with("path", printable(path));
}

}  // namespace

SharedFd DirectoryCache::find(std::string_view path) {
  if (path.empty()) return root_;
  for (Known& known : known_) {
    if (known.path == path) {
      known.used = ++uses_;
      return known.fd;
    }
  }
  return nullptr;
}

void DirectoryCache::remember(std::string_view path, SharedFd fd) {
  Known known{std::string(path), std::move(fd), ++uses_};
  if (known_.size() < kMaxKnown) {
    known_.push_back(std::move(known));
    return;
  }
  *std::min_element(known_.begin(), known_.end(), [](const Known& a, const Known& b) { return a.used < b.used; }) =
      std::move(known);
}

Result<SharedFd> DirectoryCache::open(std::string_view path) {
  const std::lock_guard lock(mutex_);
  std::string_view have = path;
  SharedFd fd;
  while (!(fd = find(have))) have = split_path(have).directory;
  while (have.size() < path.size()) {
    const std::size_t start = have.empty() ? 0 : have.size() + 1;
    const std::size_t end = std::min(path.find('/', start), path.size());
    have = path.substr(0, end);
    DRKIT_ASSIGN(fd, open_part(fd->get(), std::string(path.substr(start, end - start)), have));
    remember(have, fd);
  }
  return fd;
}

}  // namespace drkit::systems::filesystem
