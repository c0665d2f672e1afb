// Reading and writing extended attributes, POSIX ACLs among them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <drkit/entry.hpp>
#include <drkit/result.hpp>

namespace drkit::systems::filesystem {

/// Attributes of a file, sorted by name. A file system without them gives none.
/// Thread-safety: one thread at a time; buffers are reused.
class XattrReader {
 public:
  XattrReader();
  /// Of a path whose last part is not followed when it is a symlink. 0 or errno.
  int read_path(const char* path, std::vector<ExtendedAttribute>& out);
  int read_fd(int fd, std::vector<ExtendedAttribute>& out);

 private:
  template <class List, class Get>
  int read_with(List list, Get get, std::vector<ExtendedAttribute>& out);
  std::unique_ptr<char[]> names_;
  std::unique_ptr<char[]> value_;
};

}  // namespace drkit::systems::filesystem
