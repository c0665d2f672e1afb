// Folders: makes the folders that keys need, once each.
#pragma once

#include <mutex>
#include <string>
#include <unordered_set>

#include "storage/webdav/server.hpp"

namespace drkit::storage::webdav {

/// Thread-safety: every member may be called concurrently.
class Folders {
 public:
  /// Makes nothing above root, which is there.
  Folders(Server& server, std::string root) : server_(server), root_(std::move(root)) {}

  /// Makes the folder and its parents unless they are known to be there.
  Result<void> make(const Context& ctx, std::string_view path);
  /// The folder and its parents may have gone: the next make asks the server again.
  void forget(std::string_view path);

 private:
  bool is_known(std::string_view path);

  Server& server_;
  const std::string root_;
  std::mutex mutex_;
  std::unordered_set<std::string> known_;
};

/// Makes a folder and whatever parents are missing, from below, since the upper ones may belong to others.
Result<void> make_with_parents(const Context& ctx, Server& server, std::string_view path);

}  // namespace drkit::storage::webdav
