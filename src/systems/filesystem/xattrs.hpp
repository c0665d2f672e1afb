// Reading extended attributes, POSIX ACLs among them.
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
  /// Of a path whose last part is not followed when it is a symlink. 0 or errno.
  int read_path(const std::string& path, std::vector<ExtendedAttribute>& out);
  int read_fd(int fd, std::vector<ExtendedAttribute>& out);
  /// Of a name in a directory, proc being proc_prefix(directory_fd).
  int read_at(int directory_fd, const std::string& proc, const std::string& name, std::vector<ExtendedAttribute>& out);

 private:
  template <class Call>
  ssize_t call_growing(std::unique_ptr<char[]>& buffer, std::size_t& size, Call call);
  template <class List, class Get>
  int read_with(List list, Get get, std::vector<ExtendedAttribute>& out);

  // The kernel clears a buffer of the size it is told, which for its largest list costs more than the call itself.
  static constexpr std::size_t kFirst = 512;
  std::size_t names_size_ = kFirst;
  std::size_t value_size_ = kFirst;
  std::unique_ptr<char[]> names_ = std::make_unique_for_overwrite<char[]>(kFirst);
  std::unique_ptr<char[]> value_ = std::make_unique_for_overwrite<char[]>(kFirst);
  std::string path_;
  bool has_list_at_ = true;
};

}  // namespace drkit::systems::filesystem
