// RecordSorter: records in any order to path order, in bounded memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/posix_file.hpp"
#include "format/manifest.hpp"

namespace drkit::repo {

/// An external merge sort. Spilled runs lie one after the other in an unlinked file of the
/// spool directory: paths and sizes, in plain.
/// Thread-safety: one thread.
class RecordSorter {
 public:
  RecordSorter(std::string spool_directory, std::size_t memory_bytes)
      : directory_(std::move(spool_directory)), memory_bytes_(memory_bytes) {}

  /// Errors: io, no_space (of the spool).
  Result<void> add(const format::Record& record);
  /// After the last add.
  Result<void> finish();
  /// The next record in order. Errors: internal when its path was added twice: a snapshot holds one entry of a name.
  Result<std::optional<format::Record>> next();

 private:
  struct Item {
    std::string path;
    Bytes encoded;
  };
  /// A part of the spool file.
  struct Run {
    std::uint64_t position = 0;
    std::uint64_t end = 0;
    std::optional<Item> head;
  };
  static bool before(const Item& a, const Item& b);
  Result<void> spill();
  Result<void> advance(Run& run);
  Result<std::optional<Item>> next_item();

  std::string directory_;
  std::size_t memory_bytes_;
  std::size_t used_ = 0;
  std::vector<Item> items_;
  std::size_t next_ = 0;
  base::UniqueFd spool_;
  std::uint64_t spool_bytes_ = 0;
  std::vector<Run> runs_;
  std::optional<Item> pending_;
};

}  // namespace drkit::repo
