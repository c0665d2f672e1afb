// What a restore has to do at its end, kept in the marker file instead of in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <drkit/entry.hpp>
#include <drkit/result.hpp>

#include "systems/filesystem/posix.hpp"

namespace drkit::systems::filesystem {

/// The file in the root of a tree whose restore did not finish.
inline constexpr std::string_view kIncompleteMarker = ".drkit-restore-incomplete";

/// A stack of entries: directories whose attributes are still to be set, hard links still to be made. Lives as long as
/// one restore in one process; a later process reads nothing from it.
/// Thread-safety: one thread at a time.
class RestoreJournal {
 public:
  RestoreJournal() = default;
  /// The file is open for reading and writing and empty.
  explicit RestoreJournal(UniqueFd file) : file_(std::move(file)) {}

  Result<void> push(const Entry& entry);
  bool empty() const { return size_ == 0 && buffer_.empty(); }
  /// Takes the entry that was pushed last. REQUIRES: !empty().
  Result<Entry> pop();

 private:
  Result<void> flush();
  UniqueFd file_;
  std::uint64_t size_ = 0;  // bytes in the file
  std::string buffer_;      // bytes behind them
};

}  // namespace drkit::systems::filesystem
