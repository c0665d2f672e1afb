#include "systems/filesystem/target.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <drkit/sources.hpp>

#include "base/directories.hpp"
#include "systems/filesystem/directory_names.hpp"
#include "systems/filesystem/file_sink.hpp"
#include "systems/filesystem/removal.hpp"
#include "systems/filesystem/target_path.hpp"

namespace drkit {
namespace systems::filesystem {
namespace {

constexpr const char* kDefaultAcl = "system.posix_acl_default";

Error exists_twice(const Entry& entry) {
  return Error(ErrorCode::already_exists, "a file is there already").with("path", printable(entry.path));
}

mode_t node_type(EntryType type) {
  switch (type) {
    case EntryType::fifo:
      return S_IFIFO;
    case EntryType::socket:
      return S_IFSOCK;
    case EntryType::char_device:
      return S_IFCHR;
    default:
      return S_IFBLK;
  }
}

bool same_link(int directory, const std::string& name, const std::string& text) {
  std::string found(text.size() + 1, '\0');
  const ssize_t size = ::readlinkat(directory, name.c_str(), found.data(), found.size());
  return size == static_cast<ssize_t>(text.size()) && found.compare(0, text.size(), text) == 0;
}

}  // namespace

TargetInfo FilesystemTarget::info() const { return {"filesystem", "file://" + root_, false}; }

Result<void> FilesystemTarget::begin(const Context& ctx, const RestoreSettings& settings) {
  DRKIT_TRY(ctx.check_cancelled());
  DRKIT_TRY(require_proc());
  DRKIT_TRY(options_.open_parents ? base::make_directories_with_open_parents(root_) : base::make_directories(root_));
  root_fd_ = std::make_shared<const UniqueFd>(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!*root_fd_) return errno_error(errno, "open the target", root_);
  struct stat status;
  if (::fstat(root_fd_->get(), &status) != 0) return errno_error(errno, "look at the target", root_);
  root_device_ = status.st_dev;
  delta_ = settings.delta;
  remove_unknown_ = settings.delta && settings.remove_unknown;
  if (!delta_) DRKIT_TRY(check_empty());
  if (remove_unknown_ && settings.top_names) DRKIT_TRY(check_related(root_fd_->get(), *settings.top_names));
  DRKIT_TRY(make_marker());
  const bool root_user = ::geteuid() == 0;
  policy_ = {settings.owners && root_user, root_user, options_.skip_unsupported_attributes, delta_};
  directories_ = std::make_unique<DirectoryCache>(root_fd_);
  write_behind_.start(root_fd_->get());
  return drop_default_acl(root_fd_->get(), "");
}

Result<void> FilesystemTarget::check_empty() {
  DirectoryNames names;
  const int failed = names.read(root_fd_->get());
  if (failed != 0) return errno_error(failed, "list the target", root_);
  if (names.size() == 0) return {};
  return Error(ErrorCode::precondition_failed, names.contains(kIncompleteMarker)
                                                   ? "target holds an unfinished restore; a delta restore completes it"
                                                   : "target directory is not empty")
      .with("path", printable(root_))
      .with("found", printable(names[0]));
}

Result<void> FilesystemTarget::make_marker() {
  const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (delta_ ? 0 : O_EXCL);
  DRKIT_ASSIGN(UniqueFd marker, base::open_at(root_fd_->get(), std::string(kIncompleteMarker), flags, 0600));
  if (::flock(marker.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(ErrorCode::precondition_failed, "another restore is writing to the target")
        .with("path", printable(root_));
  }
  if (::ftruncate(marker.get(), 0) != 0) return errno_error(errno, "empty the marker file", root_);
  DRKIT_TRY(base::fsync_file(root_fd_->get(), root_));
  journal_ = RestoreJournal(std::move(marker));
  return {};
}

// New files would inherit it; the entry's own one is set when everything below was made.
Result<void> FilesystemTarget::drop_default_acl(int fd, std::string_view path) {
  if (::fremovexattr(fd, kDefaultAcl) == 0 || errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM) return {};
  return errno_error(errno, "remove the default access list", path);
}

Result<void> FilesystemTarget::make(const Context& ctx, const Entry& entry) {
  DRKIT_TRY(ctx.check_cancelled());
  if (entry.path.empty()) {
    if (entry.type != EntryType::directory) return check_target_path(entry.path);
    root_entry_ = entry;
    return {};
  }
  DRKIT_TRY(admit(entry));
  const auto [parent, name_view] = split_path(entry.path);
  DRKIT_ASSIGN(const SharedFd directory, directories_->open(parent));
  const std::string name(name_view);
  switch (entry.type) {
    case EntryType::directory:
      return make_directory(ctx, directory->get(), name, entry);
    case EntryType::symlink:
      return make_symlink(ctx, directory->get(), name, entry);
    case EntryType::hardlink:
      DRKIT_TRY(check_target_path(entry.link_target));
      return journal_.push(entry);
    case EntryType::fifo:
    case EntryType::socket:
    case EntryType::char_device:
    case EntryType::block_device:
      return make_node(ctx, directory->get(), name, entry);
    default:
      return Error(ErrorCode::invalid_argument, "entry has content and must be opened")
          .with("path", printable(entry.path));
  }
}

Result<void> FilesystemTarget::admit(const Entry& entry) {
  DRKIT_TRY(check_target_path(entry.path));
  if (delta_ && !seen_.insert(entry.path)) return exists_twice(entry);
  return {};
}

// Takes away what has another type than the entry. Answers whether a file of the type is there.
Result<bool> FilesystemTarget::clear_place(const Context& ctx, int directory, const std::string& name,
                                           const Entry& entry, mode_t type, struct stat& status) {
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return errno_error(errno, "look at the place", entry.path);
  }
  if ((status.st_mode & S_IFMT) == type) return true;
  DRKIT_TRY(remove_tree(ctx, directory, name, entry.path));
  return false;
}

Result<void> FilesystemTarget::make_directory(const Context& ctx, int directory, const std::string& name,
                                              const Entry& entry) {
  struct stat status;
  bool there = false;
  if (delta_) {
    DRKIT_ASSIGN(there, clear_place(ctx, directory, name, entry, S_IFDIR, status));
  }
  if (there) {
    DRKIT_TRY(take_over_directory(directory, name, entry, status));
  } else if (::mkdirat(directory, name.c_str(), 0700) != 0) {
    return errno_error(errno, "make the directory", entry.path);
  }
  return journal_.push(entry);
}

Result<void> FilesystemTarget::take_over_directory(int directory, const std::string& name, const Entry& entry,
                                                   const struct stat& status) {
  if ((status.st_mode & 0700) != 0700) {
    const UniqueFd path_fd(::openat(directory, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const std::string link = "/proc/self/fd/" + std::to_string(path_fd.get());
    if (!path_fd || ::chmod(link.c_str(), 0700) != 0) return errno_error(errno, "open up the directory", entry.path);
  }
  UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno_error(errno, "open the directory", entry.path);
  DRKIT_TRY(drop_default_acl(fd.get(), entry.path));
  if (status.st_dev != root_device_) mounts_.try_emplace(status.st_dev, std::move(fd));
  return {};
}

Result<void> FilesystemTarget::make_symlink(const Context& ctx, int directory, const std::string& name,
                                            const Entry& entry) {
  struct stat status;
  bool there = false;
  if (delta_) {
    DRKIT_ASSIGN(there, clear_place(ctx, directory, name, entry, S_IFLNK, status));
  }
  if (there && !same_link(directory, name, entry.link_target)) {
    DRKIT_TRY(remove_tree(ctx, directory, name, entry.path));
    there = false;
  }
  if (entry.link_target.find('\0') != std::string::npos) {
    return Error(ErrorCode::invalid_argument, "symbolic link holds a nul byte").with("path", printable(entry.path));
  }
  if (!there && ::symlinkat(entry.link_target.c_str(), directory, name.c_str()) != 0) {
    return errno_error(errno, "make the symbolic link", entry.path);
  }
  return apply_at(ctx, policy_, directory, name, entry);
}

Result<void> FilesystemTarget::make_node(const Context& ctx, int directory, const std::string& name,
                                         const Entry& entry) {
  const mode_t type = node_type(entry.type);
  struct stat status;
  bool there = false;
  if (delta_) {
    DRKIT_ASSIGN(there, clear_place(ctx, directory, name, entry, type, status));
  }
  if (there && (status.st_nlink > 1 || status.st_rdev != entry.device_number)) {
    DRKIT_TRY(remove_tree(ctx, directory, name, entry.path));
    there = false;
  }
  if (!there && ::mknodat(directory, name.c_str(), type | 0600, entry.device_number) != 0) {
    return errno_error(errno, "make the special file", entry.path);
  }
  return apply_at(ctx, policy_, directory, name, entry);
}

Result<std::unique_ptr<Sink>> FilesystemTarget::open(const Context& ctx, const Entry& entry) {
  DRKIT_TRY(ctx.check_cancelled());
  if (entry.type != EntryType::regular && entry.type != EntryType::stream) {
    return Error(ErrorCode::invalid_argument, "entry has no content and must be made")
        .with("path", printable(entry.path));
  }
  DRKIT_TRY(admit(entry));
  const auto [parent, name_view] = split_path(entry.path);
  OpenedFile file;
  DRKIT_ASSIGN(file.directory, directories_->open(parent));
  const std::string name(name_view);
  if (delta_) DRKIT_TRY(open_existing(ctx, name, entry, file));
  if (!file.fd) {
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const int fd = ::openat(file.directory->get(), name.c_str(), flags, 0600);
    if (fd < 0) return errno_error(errno, "create the file", entry.path);
    file.fd = UniqueFd(fd);
  }
  AttributePolicy policy = policy_;
  policy.replace = file.existed;
  write_behind_.count(0);
  return make_file_sink(entry, std::move(file), policy, &write_behind_);
}

Result<void> FilesystemTarget::open_existing(const Context& ctx, const std::string& name, const Entry& entry,
                                             OpenedFile& file) {
  const int directory = file.directory->get();
  struct stat status;
  DRKIT_ASSIGN(const bool there, clear_place(ctx, directory, name, entry, S_IFREG, status));
  if (!there) return {};
  const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (status.st_nlink == 1 ? O_RDWR : O_RDONLY);
  UniqueFd fd(::openat(directory, name.c_str(), flags));
  struct stat opened;
  if (fd && ::fstat(fd.get(), &opened) == 0 && S_ISREG(opened.st_mode) &&
      (opened.st_nlink == 1 || (flags & O_ACCMODE) == O_RDONLY)) {
    file.fd = std::move(fd);
    file.existed = true;
    file.shared = opened.st_nlink > 1;
    file.unshare = file.shared && !take_shared(opened);
    return {};
  }
  // It cannot be updated: its successor takes its place when it is complete.
  DRKIT_ASSIGN(TemporaryFile made, make_temporary(directory, entry.path));
  file.fd = std::move(made.fd);
  file.temporary = std::move(made.name);
  return {};
}

// Names that the snapshot does not link are files of their own: the first of them may stay with the old file.
bool FilesystemTarget::take_shared(const struct stat& status) {
  return shared_.insert(std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino));
}

Result<void> FilesystemTarget::keep(const Context&, const Entry& entry) {
  if (remove_unknown_) kept_.insert(entry.path);
  return {};
}

Result<void> FilesystemTarget::finish(const Context& ctx) {
  if (remove_unknown_) DRKIT_TRY(remove_unknown(ctx, root_fd_->get(), seen_, kept_));
  while (!journal_.empty()) {
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_ASSIGN(const Entry entry, journal_.pop());
    DRKIT_TRY(entry.type == EntryType::hardlink ? finish_link(ctx, entry) : finish_directory(ctx, entry));
  }
  write_behind_.stop();
  DRKIT_TRY(finish_root(ctx));
  for (const auto& [device, fd] : mounts_) DRKIT_TRY(base::sync_filesystem(fd.get(), root_));
  DRKIT_TRY(base::sync_filesystem(root_fd_->get(), root_));
  DRKIT_TRY(remove_marker());
  return base::fsync_file(root_fd_->get(), root_);
}

Result<void> FilesystemTarget::finish_root(const Context& ctx) {
  if (!root_entry_) return {};
  AttributePolicy policy = policy_;
  policy.replace = true;  // the directory was there before
  return apply_to_fd(ctx, policy, root_fd_->get(), *root_entry_);
}

// The last thing of all: whatever fails before leaves it. Taking it away needs the right to write in the root and
// changes the root's time, so both become once more what they were.
Result<void> FilesystemTarget::remove_marker() {
  const int root = root_fd_->get();
  struct stat status;
  if (::fstat(root, &status) != 0) return errno_error(errno, "look at the target", root_);
  const mode_t mode = status.st_mode & 07777;
  const bool locked = (mode & 0300) != 0300 && status.st_uid == ::geteuid();
  if (locked && ::fchmod(root, mode | 0300) != 0) return errno_error(errno, "open up the target", root_);
  DRKIT_TRY(base::unlink_at(root, std::string(kIncompleteMarker)));
  if (locked && ::fchmod(root, mode) != 0) return errno_error(errno, "set the mode", root_);
  const timespec times[] = {{0, UTIME_OMIT}, status.st_mtim};
  if (root_entry_ && ::futimens(root, times) != 0) return errno_error(errno, "set the time", root_);
  return {};
}

Result<void> FilesystemTarget::finish_directory(const Context& ctx, const Entry& entry) {
  const auto [parent, name] = split_path(entry.path);
  DRKIT_ASSIGN(const SharedFd directory, directories_->open(parent));
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd fd(::openat(directory->get(), std::string(name).c_str(), kFlags));
  if (!fd) return errno_error(errno, "open the directory", entry.path);
  return apply_to_fd(ctx, policy_, fd.get(), entry);
}

Result<void> FilesystemTarget::finish_link(const Context& ctx, const Entry& entry) {
  const auto [parent, name_view] = split_path(entry.path);
  const auto [first_parent, first_view] = split_path(entry.link_target);
  const std::string name(name_view);
  const std::string first(first_view);
  DRKIT_ASSIGN(const SharedFd directory, directories_->open(parent));
  DRKIT_ASSIGN(const SharedFd first_directory, directories_->open(first_parent));
  struct stat wanted;
  if (::fstatat(first_directory->get(), first.c_str(), &wanted, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno_error(errno, "look at the first name of the hard link", entry.link_target);
  }
  if (!S_ISREG(wanted.st_mode)) {
    return Error(ErrorCode::corrupt, "hard link to something that is no regular file")
        .with("path", printable(entry.path));
  }
  struct stat found;
  if (delta_ && ::fstatat(directory->get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
    if (found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino) return {};
    DRKIT_TRY(remove_tree(ctx, directory->get(), name, entry.path));
  }
  if (::linkat(first_directory->get(), first.c_str(), directory->get(), name.c_str(), 0) == 0) return {};
  return errno_error(errno, "make the hard link", entry.path);
}

}  // namespace systems::filesystem

Result<std::unique_ptr<RestoreTarget>> make_filesystem_target(std::string root, FilesystemTargetOptions options) {
  if (root.empty() || root.find('\0') != std::string::npos) {
    return Error(ErrorCode::invalid_argument, "path of the target is empty or holds a nul byte");
  }
  return std::unique_ptr<RestoreTarget>(
      std::make_unique<systems::filesystem::FilesystemTarget>(std::move(root), options));
}

}  // namespace drkit
