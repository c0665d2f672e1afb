#include "systems/filesystem/apply_attributes.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "systems/filesystem/attributes.hpp"
#include "systems/filesystem/posix.hpp"
#include "systems/filesystem/xattrs.hpp"

namespace drkit::systems::filesystem {
namespace {

constexpr std::array<timespec, 2> times_of(timespec modified) { return {timespec{0, UTIME_OMIT}, modified}; }

bool needs_privilege(std::string_view name) { return name.starts_with("security.") || name.starts_with("trusted."); }

// Labels that the kernel itself puts on new files are not foreign.
bool is_removable(std::string_view name) { return !name.starts_with("security.") || name == "security.capability"; }

// An attribute that could not be set: an error, or a line in the log.
Result<void> answer(const Context& ctx, const AttributePolicy& policy, int number, const std::string& what,
                    const Entry& entry, bool optional = false) {
  Error error = errno_error(number, "set " + what, entry.path);
  const bool unsupported = number == EOPNOTSUPP || number == EPERM || number == EACCES || number == EINVAL;
  if (!optional && !(policy.skip_unsupported && unsupported)) return error;
  ctx.write_log(LogLevel::warning, error.to_string());
  return {};
}

// set and remove take names and answer 0 or errno.
template <class Set, class Remove>
Result<void> apply_xattrs(const Context& ctx, const AttributePolicy& policy, const Entry& entry,
                          const std::vector<ExtendedAttribute>& existing, Set set, Remove remove) {
  for (const ExtendedAttribute& old : existing) {
    const bool wanted = std::any_of(entry.xattrs.begin(), entry.xattrs.end(),
                                    [&](const ExtendedAttribute& xattr) { return xattr.name == old.name; });
    if (wanted || !is_removable(old.name)) continue;
    const int failed = remove(old.name);
    if (failed != 0 && failed != ENODATA) DRKIT_TRY(answer(ctx, policy, failed, printable(old.name), entry));
  }
  for (const ExtendedAttribute& xattr : entry.xattrs) {
    if (std::find(existing.begin(), existing.end(), xattr) != existing.end()) continue;
    const int failed = set(xattr);
    if (failed == 0) continue;
    const bool optional = needs_privilege(xattr.name) && !policy.privileged;
    DRKIT_TRY(answer(ctx, policy, failed, printable(xattr.name), entry, optional));
  }
  return {};
}

bool same_owner(const struct stat& status, const Entry& entry) {
  return status.st_uid == entry.uid && status.st_gid == entry.gid;
}

Result<void> fd_xattrs(const Context& ctx, const AttributePolicy& policy, int fd, const Entry& entry) {
  std::vector<ExtendedAttribute> existing;
  if (policy.replace) {
    const int failed = XattrReader().read_fd(fd, existing);
    if (failed != 0) return errno_error(failed, "read the extended attributes", entry.path);
  } else if (entry.xattrs.empty()) {
    return {};
  }
  return apply_xattrs(
      ctx, policy, entry, existing,
      [fd](const ExtendedAttribute& x) {
        return ::fsetxattr(fd, x.name.c_str(), x.value.data(), x.value.size(), 0) == 0 ? 0 : errno;
      },
      [fd](const std::string& name) { return ::fremovexattr(fd, name.c_str()) == 0 ? 0 : errno; });
}

Result<void> path_xattrs(const Context& ctx, const AttributePolicy& policy, const std::string& path,
                         const Entry& entry) {
  std::vector<ExtendedAttribute> existing;
  if (policy.replace) {
    const int failed = XattrReader().read_path(path, existing);
    if (failed != 0) return errno_error(failed, "read the extended attributes", entry.path);
  } else if (entry.xattrs.empty()) {
    return {};
  }
  return apply_xattrs(
      ctx, policy, entry, existing,
      [&path](const ExtendedAttribute& x) {
        return ::lsetxattr(path.c_str(), x.name.c_str(), x.value.data(), x.value.size(), 0) == 0 ? 0 : errno;
      },
      [&path](const std::string& name) { return ::lremovexattr(path.c_str(), name.c_str()) == 0 ? 0 : errno; });
}

}  // namespace

Result<void> apply_to_fd(const Context& ctx, const AttributePolicy& policy, int fd, const Entry& entry) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return errno_error(errno, "look at the restored file", entry.path);
  // chown clears setuid bits and file capabilities, so owners come first; attributes may change the mode's group bits.
  const bool chown = policy.owners && !same_owner(status, entry);
  if (chown && ::fchown(fd, entry.uid, entry.gid) != 0) return errno_error(errno, "set the owner", entry.path);
  DRKIT_TRY(fd_xattrs(ctx, policy, fd, entry));
  if ((chown || !entry.xattrs.empty() || (status.st_mode & 07777) != entry.mode) && ::fchmod(fd, entry.mode) != 0) {
    return errno_error(errno, "set the mode", entry.path);
  }
  if (policy.replace && nanoseconds_of(status.st_mtim) == entry.mtime_ns) return {};
  const auto times = times_of(timespec_of(entry.mtime_ns));
  if (::futimens(fd, times.data()) != 0) return errno_error(errno, "set the time", entry.path);
  return {};
}

Result<bool> has_attributes(const AttributePolicy& policy, int fd, const Entry& entry) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return errno_error(errno, "look at the file", entry.path);
  std::vector<ExtendedAttribute> existing;
  const int failed = XattrReader().read_fd(fd, existing);
  if (failed != 0) return errno_error(failed, "read the extended attributes", entry.path);
  const auto set = [&](const ExtendedAttribute& xattr) {
    return std::find(existing.begin(), existing.end(), xattr) != existing.end();
  };
  const auto foreign = [&](const ExtendedAttribute& old) {
    return is_removable(old.name) && std::none_of(entry.xattrs.begin(), entry.xattrs.end(),
                                                  [&](const auto& xattr) { return xattr.name == old.name; });
  };
  return (!policy.owners || same_owner(status, entry)) && (status.st_mode & 07777) == entry.mode &&
         nanoseconds_of(status.st_mtim) == entry.mtime_ns &&
         std::all_of(entry.xattrs.begin(), entry.xattrs.end(), set) &&
         std::none_of(existing.begin(), existing.end(), foreign);
}

Result<void> apply_at(const Context& ctx, const AttributePolicy& policy, int directory_fd, const std::string& name,
                      const Entry& entry) {
  if (policy.owners && ::fchownat(directory_fd, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno_error(errno, "set the owner", entry.path);
  }
  DRKIT_TRY(path_xattrs(ctx, policy, proc_prefix(directory_fd) + name, entry));
  if (entry.type != EntryType::symlink) {
    // Through a descriptor of the file itself: chmod of a name would follow a symlink put there meanwhile.
    const UniqueFd fd(::openat(directory_fd, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status;
    if (!fd || ::fstat(fd.get(), &status) != 0) return errno_error(errno, "look at the restored file", entry.path);
    const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
    if (S_ISLNK(status.st_mode) || ::chmod(link.c_str(), entry.mode) != 0) {
      return errno_error(S_ISLNK(status.st_mode) ? ELOOP : errno, "set the mode", entry.path);
    }
  }
  const auto times = times_of(timespec_of(entry.mtime_ns));
  if (::utimensat(directory_fd, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    return errno_error(errno, "set the time", entry.path);
  }
  return {};
}

}  // namespace drkit::systems::filesystem
