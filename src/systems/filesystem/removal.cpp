#include "systems/filesystem/removal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "systems/filesystem/directory_names.hpp"
#include "systems/filesystem/posix.hpp"
#include "systems/filesystem/restore_journal.hpp"

namespace drkit::systems::filesystem {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::size_t kMaxOpenLevels = 64;

// One directory on the way down. The first one and the last ones are open; the others are opened again on the way up.
struct Level {
  UniqueFd fd;
  DirectoryNames names;
  std::size_t next = 0;
  std::string name;
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
  bool remove = false;  // itself, once it is empty
};

Result<UniqueFd> open_directory(int parent, const std::string& name, const std::string& path) {
  UniqueFd fd(::openat(parent, name.c_str(), kDirectoryFlags));
  if (!fd) return errno_error(errno, "open the directory", path);
  return fd;
}

class Sweep {
 public:
  /// Without sets everything goes.
  Sweep(const Context& ctx, const PathSet* known, const PathSet* kept) : ctx_(ctx), known_(known), kept_(kept) {}

  Result<void> push(UniqueFd fd, std::string name, std::string path, bool remove);
  Result<void> run();

 private:
  Result<void> step(int fd, const std::string& name, std::string path);
  Result<void> pop();
  Result<void> reopen_last(const UniqueFd& child);
  UniqueFd open_last_from_first() const;
  bool is_known(const std::string& path) const {
    return known_ != nullptr && (path == kIncompleteMarker || known_->contains(path));
  }

  bool holds_known(const DirectoryNames& names, const std::string& path) const {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (is_known(path + '/' + std::string(names[i]))) return true;
    }
    return false;
  }

  const Context& ctx_;
  const PathSet* known_;
  const PathSet* kept_;
  std::vector<Level> levels_;
};

Result<void> Sweep::push(UniqueFd fd, std::string name, std::string path, bool remove) {
  struct stat status;
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, "look at the directory", path);
  if (remove && !levels_.empty() && status.st_dev != levels_.back().device) {
    return Error(ErrorCode::precondition_failed, "a mounted file system is in the way").with("path", printable(path));
  }
  Level level;
  const int failed = level.names.read(fd.get());
  if (failed != 0) return errno_error(failed, "list the directory", path);
  // The snapshot has the place where something is mounted, and nothing of what is mounted there.
  const bool mounted = !levels_.empty() && status.st_dev != levels_.back().device;
  if (mounted && !holds_known(level.names, path)) return {};
  level.fd = std::move(fd);
  level.name = std::move(name);
  level.path = std::move(path);
  level.device = status.st_dev;
  level.inode = status.st_ino;
  level.remove = remove;
  if (levels_.size() > kMaxOpenLevels) levels_[levels_.size() - kMaxOpenLevels].fd = UniqueFd();
  levels_.push_back(std::move(level));
  return {};
}

Result<void> Sweep::step(int fd, const std::string& name, std::string path) {
  if (kept_ != nullptr && kept_->contains(path)) return {};
  struct stat status;
  if (::fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return errno_error(errno, "look at the file", path);
  }
  const bool known = is_known(path);
  if (!S_ISDIR(status.st_mode)) {
    if (known || ::unlinkat(fd, name.c_str(), 0) == 0 || errno == ENOENT) return {};
    return errno_error(errno, "remove the file", path);
  }
  DRKIT_ASSIGN(UniqueFd child, open_directory(fd, name, path));
  return push(std::move(child), name, std::move(path), !known);
}

Result<void> Sweep::pop() {
  const Level done = std::move(levels_.back());
  levels_.pop_back();
  if (!levels_.back().fd) DRKIT_TRY(reopen_last(done.fd));
  if (!done.remove) return {};
  if (::unlinkat(levels_.back().fd.get(), done.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  return errno_error(errno, "remove the directory", done.path);
}

// The way back up is "..", or else the names from the first level on, and must lead to the directory that was left:
// what somebody moved meanwhile is neither removed nor called clean.
Result<void> Sweep::reopen_last(const UniqueFd& child) {
  Level& last = levels_.back();
  const auto is_last = [&last](const UniqueFd& fd) {
    struct stat status;
    return fd && ::fstat(fd.get(), &status) == 0 && status.st_dev == last.device && status.st_ino == last.inode;
  };
  last.fd = UniqueFd(::openat(child.get(), "..", kDirectoryFlags));
  if (!is_last(last.fd)) last.fd = open_last_from_first();
  if (is_last(last.fd)) return {};
  return Error(ErrorCode::precondition_failed, "a directory was moved while its tree was looked through")
      .with("path", printable(last.path));
}

UniqueFd Sweep::open_last_from_first() const {
  UniqueFd fd;
  for (std::size_t i = 1; i < levels_.size(); ++i) {
    UniqueFd next(::openat(i == 1 ? levels_.front().fd.get() : fd.get(), levels_[i].name.c_str(), kDirectoryFlags));
    if (!next) return next;
    fd = std::move(next);
  }
  return fd;
}

Result<void> Sweep::run() {
  while (true) {
    DRKIT_TRY(ctx_.check_cancelled());
    Level& level = levels_.back();
    if (level.next < level.names.size()) {
      const std::string name(level.names[level.next++]);
      DRKIT_TRY(step(level.fd.get(), name, level.path.empty() ? name : level.path + '/' + name));
    } else {
      if (levels_.size() == 1) return {};
      DRKIT_TRY(pop());
    }
  }
}

}  // namespace

Result<void> remove_tree(const Context& ctx, int directory_fd, const std::string& name, const std::string& path) {
  if (::unlinkat(directory_fd, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  const int failed = errno;
  struct stat status;
  if (::fstatat(directory_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode)) {
    return errno_error(failed, "remove the file", path);
  }
  DRKIT_ASSIGN(UniqueFd fd, open_directory(directory_fd, name, path));
  Sweep sweep(ctx, nullptr, nullptr);
  DRKIT_TRY(sweep.push(std::move(fd), name, path, true));
  DRKIT_TRY(sweep.run());
  if (::unlinkat(directory_fd, name.c_str(), AT_REMOVEDIR) == 0) return {};
  return errno_error(errno, "remove the directory", path);
}

Result<void> remove_unknown(const Context& ctx, int root_fd, const PathSet& known, const PathSet& kept) {
  if (kept.contains("")) return {};
  DRKIT_ASSIGN(UniqueFd root, open_directory(root_fd, ".", ""));
  Sweep sweep(ctx, &known, &kept);
  DRKIT_TRY(sweep.push(std::move(root), "", "", false));
  return sweep.run();
}

}  // namespace drkit::systems::filesystem
