#include "systems/filesystem/xattrs.hpp"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace drkit::systems::filesystem {
namespace {

// The kernel's limits for the list and for one value are both 64 KiB.
constexpr std::size_t kLimit = 65536;

}  // namespace

XattrReader::XattrReader()
    : names_(std::make_unique_for_overwrite<char[]>(kLimit)), value_(std::make_unique_for_overwrite<char[]>(kLimit)) {}

template <class List, class Get>
int XattrReader::read_with(List list, Get get, std::vector<ExtendedAttribute>& out) {
  out.clear();
  const ssize_t length = list(names_.get(), kLimit);
  if (length < 0) return errno == EOPNOTSUPP ? 0 : errno;
  const char* const end = names_.get() + length;
  for (const char* name = names_.get(); name < end; name += std::strlen(name) + 1) {
    const ssize_t size = get(name, value_.get(), kLimit);
    if (size >= 0) {
      out.push_back({name, std::string(value_.get(), static_cast<std::size_t>(size))});
    } else if (errno != ENODATA) {  // removed since it was listed
      return errno;
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return 0;
}

int XattrReader::read_path(const char* path, std::vector<ExtendedAttribute>& out) {
  return read_with([path](char* buffer, std::size_t size) { return ::llistxattr(path, buffer, size); },
                   [path](const char* name, char* buffer, std::size_t size) {
                     return ::lgetxattr(path, name, buffer, size);
                   },
                   out);
}

int XattrReader::read_fd(int fd, std::vector<ExtendedAttribute>& out) {
  return read_with([fd](char* buffer, std::size_t size) { return ::flistxattr(fd, buffer, size); },
                   [fd](const char* name, char* buffer, std::size_t size) {
                     return ::fgetxattr(fd, name, buffer, size);
                   },
                   out);
}

}  // namespace drkit::systems::filesystem
