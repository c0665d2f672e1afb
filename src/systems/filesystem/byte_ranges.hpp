// A set of byte ranges, for files that are updated in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

namespace drkit::systems::filesystem {

/// Neighbouring ranges melt into one, so that work in order costs one range. Thread-safety: one thread at a time.
class ByteRanges {
 public:
  void add(std::uint64_t start, std::uint64_t end) {
    if (start >= end) return;
    auto next = ranges_.upper_bound(start);
    if (next != ranges_.begin() && std::prev(next)->second >= start) {
      --next;
      start = next->first;
    }
    while (next != ranges_.end() && next->first <= end) {
      if (next->second > end) end = next->second;
      next = ranges_.erase(next);
    }
    ranges_.emplace_hint(next, start, end);
  }

  /// Calls visit(start, end) for each gap below end, in order, while it answers 0; answers the first other value.
  template <class Visit>
  int each_gap(std::uint64_t end, Visit visit) const {
    std::uint64_t at = 0;
    for (const auto& [start, stop] : ranges_) {
      if (start >= end) break;
      if (start > at) {
        if (const int failed = visit(at, start); failed != 0) return failed;
      }
      at = stop;
    }
    return at < end ? visit(at, end) : 0;
  }

  std::size_t count() const { return ranges_.size(); }
  /// Bytes of the blocks that the ranges touch.
  std::uint64_t bytes_in_blocks(std::uint64_t block) const {
    std::uint64_t sum = 0;
    for (const auto& [start, stop] : ranges_) sum += (stop + block - 1) / block * block - start / block * block;
    return sum;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;
};

}  // namespace drkit::systems::filesystem
