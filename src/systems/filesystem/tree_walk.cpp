#include "systems/filesystem/tree_walk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "systems/filesystem/attributes.hpp"
#include "systems/filesystem/restore_journal.hpp"

namespace drkit::systems::filesystem {
namespace {

constexpr std::size_t kMaxOpenLevels = 64;
constexpr std::string_view kCacheTag = "CACHEDIR.TAG";
constexpr std::string_view kCacheSignature = "Signature: 8a477f597d28d172789f06886806bc55";

int open_directory_at(int parent, const char* name, uid_t owner) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const uid_t self = ::geteuid();
  const int fd = ::openat(parent, name, flags | (self == 0 || self == owner ? O_NOATIME : 0));
  return fd < 0 && errno == EPERM ? ::openat(parent, name, flags) : fd;
}

Error problem_of(int number, std::string_view action) {
  return base::errno_error(number, "cannot " + std::string(action), "");
}

std::unique_ptr<Stream> lost_entry(const std::string& path) {
  Entry entry;
  entry.path = path;
  set_problem(entry, Error(ErrorCode::precondition_failed, "directory was moved while it was walked"));
  return make_empty_stream(std::move(entry));
}

bool vanished(int number) { return number == ENOENT || number == ESTALE; }

}  // namespace

Result<void> TreeWalk::open_root(const std::string& root) {
  const int fd = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno_error(errno, "open the directory", root);
  UniqueFd owned(fd);
  struct stat status;
  if (::fstat(fd, &status) != 0) return errno_error(errno, "look at the directory", root);
  root_device_ = status.st_dev;
  Entry entry;
  fill_attributes(status, names_, entry);
  if (options_.xattrs) read_xattrs(xattrs_.read_fd(fd, entry.xattrs), entry);
  enter(std::move(owned), status, entry);
  pending_ = make_empty_stream(std::move(entry));
  return {};
}

Result<void> TreeWalk::open_single_file(const std::string& directory, const std::string& name) {
  const int fd = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_error(errno, "open the directory", directory);
  levels_.emplace_back();
  levels_.back().fd = std::make_shared<const UniqueFd>(UniqueFd(fd));
  levels_.back().proc = proc_prefix(fd);
  pending_ = visit(name);
  levels_.clear();
  if (!pending_) return Error(ErrorCode::not_found, "file does not exist").with("path", printable(name));
  return {};
}

Result<std::unique_ptr<Stream>> TreeWalk::next(const Context& ctx) {
  while (true) {
    DRKIT_TRY(ctx.check_cancelled());
    if (pending_) return std::move(pending_);
    if (levels_.empty()) return std::unique_ptr<Stream>();
    Level& level = levels_.back();
    if (level.next == level.names.size()) {
      leave();
      continue;
    }
    if (auto stream = visit(level.names[level.next++])) return stream;
  }
}

// Null when the name is left out.
std::unique_ptr<Stream> TreeWalk::visit(std::string_view name_view) {
  const std::string name(name_view);
  const std::size_t parent_size = levels_.back().path_size;
  path_.resize(parent_size);
  if (parent_size > 0) path_ += '/';
  path_ += name;
  if (levels_.back().lost) return lost_entry(path_);
  struct stat status;
  if (::fstatat(levels_.back().fd->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
    if (vanished(errno)) return nullptr;
    const int number = errno;
    if (!excludes_.empty() && excludes_.matches(path_, false)) return nullptr;
    Entry entry;
    entry.path = path_;
    set_problem(entry, problem_of(number, "look at the file"));
    return make_empty_stream(std::move(entry));
  }
  if (!excludes_.empty() && excludes_.matches(path_, S_ISDIR(status.st_mode))) return nullptr;
  Entry entry;
  entry.path = path_;
  fill_attributes(status, names_, entry);
  if (S_ISDIR(status.st_mode)) return visit_directory(name, status, std::move(entry));
  return visit_other(name, status, std::move(entry));
}

std::unique_ptr<Stream> TreeWalk::visit_directory(const std::string& name, const struct stat& status, Entry entry) {
  const bool mount_left_out = options_.one_file_system && status.st_dev != root_device_;
  UniqueFd fd(open_directory_at(levels_.back().fd->get(), name.c_str(), status.st_uid));
  if (!fd) {
    if (vanished(errno)) return nullptr;
    if (!mount_left_out) set_problem(entry, problem_of(errno, "open the directory"));
    return make_empty_stream(std::move(entry));
  }
  struct stat opened;
  if (::fstat(fd.get(), &opened) != 0) {
    set_problem(entry, problem_of(errno, "look at the directory"));
    return make_empty_stream(std::move(entry));
  }
  fill_attributes(opened, names_, entry);
  if (options_.xattrs) read_xattrs(xattrs_.read_fd(fd.get(), entry.xattrs), entry);
  if (!mount_left_out) enter(std::move(fd), opened, entry);
  return make_empty_stream(std::move(entry));
}

std::unique_ptr<Stream> TreeWalk::visit_other(const std::string& name, const struct stat& status, Entry entry) {
  if (entry.type == EntryType::regular && status.st_nlink > 1) {
    if (auto first = links_->first_name(status, entry.path)) {
      entry.type = EntryType::hardlink;
      entry.link_target = *std::move(first);
      entry.size_bytes = 0;
      entry.fingerprint = {};
      return make_empty_stream(std::move(entry));
    }
  }
  const Level& level = levels_.back();
  if (options_.xattrs) {
    const int failed = xattrs_.read_at(level.fd->get(), level.proc, name, entry.xattrs);
    if (vanished(failed)) {
      links_->forget(status);
      return nullptr;
    }
    read_xattrs(failed, entry);
  }
  if (entry.type == EntryType::symlink && !read_link(name, static_cast<std::uint64_t>(status.st_size), entry)) {
    return nullptr;
  }
  if (levels_.size() == 1 && name == kIncompleteMarker) {
    set_problem(entry, Error(ErrorCode::precondition_failed, "the tree is an unfinished restore"));
  }
  if (entry.problem) links_->forget(status);
  if (entry.type != EntryType::regular || entry.problem) return make_empty_stream(std::move(entry));
  return make_file_stream(std::move(entry), status, FilePlace{level.fd, name}, links_);
}

void TreeWalk::read_xattrs(int failed, Entry& entry) {
  if (failed != 0) set_problem(entry, problem_of(failed, "read the extended attributes"));
}

// False when the link vanished.
bool TreeWalk::read_link(const std::string& name, std::uint64_t size_hint, Entry& entry) {
  std::string target(size_hint + 1, '\0');
  while (true) {
    const ssize_t size = ::readlinkat(levels_.back().fd->get(), name.c_str(), target.data(), target.size());
    if (size < 0) {
      if (vanished(errno)) return false;
      set_problem(entry, problem_of(errno, "read the symbolic link"));
      return true;
    }
    if (static_cast<std::size_t>(size) < target.size()) {
      target.resize(static_cast<std::size_t>(size));
      entry.link_target = std::move(target);
      return true;
    }
    target.resize(target.size() * 2);  // replaced by a longer one, or a file system that tells no length
  }
}

void TreeWalk::enter(UniqueFd fd, const struct stat& status, Entry& entry) {
  Level level;
  const int failed = level.names.read(fd.get());
  if (failed != 0) set_problem(entry, problem_of(failed, "list the directory"));
  level.path_size = entry.path.size();
  level.device = status.st_dev;
  level.inode = status.st_ino;
  level.proc = proc_prefix(fd.get());
  level.fd = std::make_shared<const UniqueFd>(std::move(fd));
  if (options_.exclude_caches) keep_cache_tag_only(level);
  // The root stays open: it is the way back when ".." is not.
  if (levels_.size() > kMaxOpenLevels) levels_[levels_.size() - kMaxOpenLevels].fd.reset();
  path_ = entry.path;
  levels_.push_back(std::move(level));
}

void TreeWalk::keep_cache_tag_only(Level& level) {
  if (!level.names.contains(kCacheTag)) return;
  const UniqueFd tag(::openat(level.fd->get(), kCacheTag.data(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!tag) return;
  std::string start(kCacheSignature.size(), '\0');
  if (::read(tag.get(), start.data(), start.size()) == static_cast<ssize_t>(start.size()) && start == kCacheSignature) {
    level.names.keep_only(kCacheTag);
  }
}

void TreeWalk::leave() {
  const Level done = std::move(levels_.back());
  levels_.pop_back();
  if (levels_.empty() || levels_.back().fd) return;
  reopen_parent(*done.fd);
}

// Only so many levels stay open. The way back up is "..", or else the path from the root, and must lead to the
// directory that was left: after a move it may not, and then what is left of the parent is reported as lost.
void TreeWalk::reopen_parent(const UniqueFd& child) {
  Level& parent = levels_.back();
  const auto is_parent = [&parent](const UniqueFd& fd) {
    struct stat status;
    return fd && ::fstat(fd.get(), &status) == 0 && status.st_dev == parent.device && status.st_ino == parent.inode;
  };
  UniqueFd fd(open_directory_at(child.get(), "..", static_cast<uid_t>(-1)));
  if (!is_parent(fd)) fd = open_from_root(path_.substr(0, parent.path_size));
  parent.lost = !is_parent(fd);
  parent.proc = proc_prefix(fd.get());
  parent.fd = std::make_shared<const UniqueFd>(std::move(fd));
}

UniqueFd TreeWalk::open_from_root(const std::string& path) const {
  UniqueFd fd;
  int at = levels_.front().fd->get();
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    UniqueFd next(open_directory_at(at, path.substr(start, end - start).c_str(), static_cast<uid_t>(-1)));
    if (!next) return next;
    fd = std::move(next);
    at = fd.get();
    start = end + 1;
  }
  return fd;
}

}  // namespace drkit::systems::filesystem
