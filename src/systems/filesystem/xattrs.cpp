#include "systems/filesystem/xattrs.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace drkit::systems::filesystem {
namespace {

constexpr std::size_t kLimit = 65536;  // of the kernel, for the list and for one value

// Since Linux 6.13; several times faster than a name below /proc. Older headers do not know its number.
ssize_t list_at([[maybe_unused]] int directory, [[maybe_unused]] const char* name, [[maybe_unused]] char* buffer,
                [[maybe_unused]] std::size_t size) {
#if defined(__x86_64__) || defined(__aarch64__)
  constexpr long kListxattrat = 465;
  return ::syscall(kListxattrat, directory, name, AT_SYMLINK_NOFOLLOW, buffer, size);
#else
  errno = ENOSYS;
  return -1;
#endif
}

}  // namespace

template <class Call>
ssize_t XattrReader::call_growing(std::unique_ptr<char[]>& buffer, std::size_t& size, Call call) {
  const ssize_t got = call(buffer.get(), size);
  if (got >= 0 || errno != ERANGE || size == kLimit) return got;
  std::unique_ptr<char[]> large = std::make_unique_for_overwrite<char[]>(kLimit);
  const ssize_t all = call(large.get(), kLimit);
  if (all >= 0) {
    size = static_cast<std::size_t>(std::max<ssize_t>(all, static_cast<ssize_t>(kFirst)));
    buffer = std::move(large);
  }
  return all;
}

template <class List, class Get>
int XattrReader::read_with(List list, Get get, std::vector<ExtendedAttribute>& out) {
  out.clear();
  const ssize_t length = call_growing(names_, names_size_, list);
  if (length < 0) return errno == EOPNOTSUPP ? 0 : errno;
  const char* const end = names_.get() + length;
  for (const char* name = names_.get(); name < end; name += std::strlen(name) + 1) {
    const ssize_t size =
        call_growing(value_, value_size_, [&](char* buffer, std::size_t room) { return get(name, buffer, room); });
    if (size >= 0) {
      out.push_back({name, std::string(value_.get(), static_cast<std::size_t>(size))});
    } else if (errno != ENODATA) {  // removed since it was listed
      return errno;
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return 0;
}

int XattrReader::read_path(const std::string& path, std::vector<ExtendedAttribute>& out) {
  return read_with(
      [&](char* buffer, std::size_t size) { return ::llistxattr(path.c_str(), buffer, size); },
      [&](const char* name, char* buffer, std::size_t size) { return ::lgetxattr(path.c_str(), name, buffer, size); },
      out);
}

int XattrReader::read_fd(int fd, std::vector<ExtendedAttribute>& out) {
  return read_with(
      [fd](char* buffer, std::size_t size) { return ::flistxattr(fd, buffer, size); },
      [fd](const char* name, char* buffer, std::size_t size) { return ::fgetxattr(fd, name, buffer, size); }, out);
}

int XattrReader::read_at(int directory_fd, const std::string& proc, const std::string& name,
                         std::vector<ExtendedAttribute>& out) {
  if (has_list_at_) {
    const ssize_t size = list_at(directory_fd, name.c_str(), names_.get(), names_size_);
    out.clear();
    if (size == 0 || (size < 0 && errno == EOPNOTSUPP)) return 0;
    // A sandbox may answer EPERM for calls that it does not know.
    if (size < 0 && (errno == ENOSYS || errno == EPERM)) has_list_at_ = false;
  }
  path_ = proc;
  path_ += name;
  return read_path(path_, out);
}

}  // namespace drkit::systems::filesystem
