// The walk over a directory tree, relative to descriptors all the way.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include <drkit/sources.hpp>

#include "base/glob.hpp"
#include "systems/filesystem/directory_names.hpp"
#include "systems/filesystem/file_stream.hpp"
#include "systems/filesystem/hard_links.hpp"
#include "systems/filesystem/owner_names.hpp"
#include "systems/filesystem/xattrs.hpp"

namespace drkit::systems::filesystem {

/// Gives the entries of a tree in path order.
class TreeWalk {
 public:
  TreeWalk(FilesystemOptions options, base::GlobList excludes)
      : options_(std::move(options)), excludes_(std::move(excludes)), links_(std::make_shared<HardLinks>()) {}

  /// The root is a directory.
  Result<void> open_root(const std::string& root);
  /// The root is one regular file.
  Result<void> open_single_file(const std::string& directory, const std::string& name);

  Result<std::unique_ptr<Stream>> next(const Context& ctx);

 private:
  struct Level {
    std::shared_ptr<const UniqueFd> fd;  // null while the walk is far below
    std::string proc;
    DirectoryNames names;
    std::size_t next = 0;
    std::size_t path_size = 0;  // length of the directory's path
    dev_t device = 0;
    ino_t inode = 0;
    bool lost = false;  // it was moved away while the walk was below it
  };

  std::unique_ptr<Stream> visit(std::string_view name);
  std::unique_ptr<Stream> visit_directory(const std::string& name, const struct stat& status, Entry entry);
  std::unique_ptr<Stream> visit_other(const std::string& name, const struct stat& status, Entry entry);
  void enter(UniqueFd fd, const struct stat& status, Entry& entry);
  void leave();
  void reopen_parent(const UniqueFd& child);
  UniqueFd open_from_root(const std::string& path) const;
  void read_xattrs(int failed, Entry& entry);
  bool read_link(const std::string& name, std::uint64_t size_hint, Entry& entry);
  void keep_cache_tag_only(Level& level);

  FilesystemOptions options_;
  base::GlobList excludes_;
  OwnerNames names_;
  XattrReader xattrs_;
  std::shared_ptr<HardLinks> links_;
  std::vector<Level> levels_;
  std::string path_;
  dev_t root_device_ = 0;
  std::unique_ptr<Stream> pending_;  // the root, before the first name
};

}  // namespace drkit::systems::filesystem
