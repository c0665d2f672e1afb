// The paths of a snapshot that a delta restore has met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

namespace drkit::systems::filesystem {

/// Holds 64-bit hashes, about 12 bytes a path. Two paths that share a hash would make one file survive the removal of
/// what the snapshot does not hold, or be refused as a duplicate: one chance in 10^5 for 10 million paths.
/// Thread-safety: every member.
class PathSet {
 public:
  /// False when the path was there already.
  bool insert(std::string_view path);
  bool contains(std::string_view path) const;

 private:
  static std::uint64_t hash(std::string_view path);
  std::size_t slot_of(std::uint64_t hash) const;
  void grow();

  mutable std::mutex mutex_;
  std::vector<std::uint64_t> slots_;  // 0 is empty
  std::size_t used_ = 0;
};

}  // namespace drkit::systems::filesystem
