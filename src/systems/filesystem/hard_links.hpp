// Which inodes with several names were met already.
#pragma once

#include <sys/stat.h>

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace drkit::systems::filesystem {

/// Memory: one path for each inode whose names were not all met yet. Thread-safety: every member.
class HardLinks {
 public:
  /// The first name of the inode, or nothing when path is the first one (which is then remembered).
  std::optional<std::string> first_name(const struct stat& status, const std::string& path);
  /// The first name could not be read: the next name takes its place.
  void forget(const struct stat& status);

 private:
  struct Key {
    dev_t device;
    ino_t inode;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return std::hash<std::uint64_t>()(key.inode * 31 + key.device); }
  };
  struct Seen {
    std::string path;
    nlink_t left;
  };
  std::mutex mutex_;
  std::unordered_map<Key, Seen, Hash> seen_;
};

}  // namespace drkit::systems::filesystem
