// Tree: the directories below a local storage's root, reached part by part and never through a symbolic link.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/posix_file.hpp"

namespace drkit::storage::local {

/// An open directory and the last part of a key within it.
struct Place {
  base::UniqueFd directory;
  std::string name;
};

/// Thread-safety: every member may be called concurrently.
class Tree {
 public:
  Tree(base::UniqueFd root, std::string path) : root_(std::move(root)), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  int root() const { return root_.get(); }

  /// The directory of a key. Errors: not_found when a part is missing or no directory.
  Result<Place> find(std::string_view key) const;
  /// The directory of a key, made durably where missing. Errors: precondition_failed when a part is an object.
  Result<Place> make(std::string_view key);
  /// A directory directly below the root, made where missing; for what need not outlive a crash.
  Result<base::UniqueFd> make_child(const std::string& name) const;

 private:
  Result<base::UniqueFd> step(int parent, const std::string& name, const std::string& full);

  bool is_durable(const std::string& full) const;

  base::UniqueFd root_;
  std::string path_;
  mutable std::mutex mutex_;
  std::set<std::string> durable_;  // directories whose names this object has made durable
};

}  // namespace drkit::storage::local
