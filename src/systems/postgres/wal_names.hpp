// Positions in the write-ahead log and the names of its files.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

#include "systems/postgres/finding.hpp"

namespace drkit::systems::postgres {

using Lsn = std::uint64_t;
using TimelineId = std::uint32_t;

/// "1/A0000028". Errors: corrupt.
Result<Lsn> parse_lsn(std::string_view text);
std::string format_lsn(Lsn lsn);

/// A power of two from 1 MiB to 1 GiB.
bool is_wal_segment_size(std::uint64_t bytes);

struct WalSegment {
  TimelineId timeline = 0;
  std::uint64_t number = 0;  ///< position in the log divided by the segment size
  bool operator==(const WalSegment&) const = default;
};

/// 24 upper-case hexadecimal digits: timeline, then number in two halves. REQUIRES: is_wal_segment_size.
std::string wal_file_name(WalSegment segment, std::uint64_t segment_bytes);
/// Null when the name is not that of a whole segment (".partial", history, backup labels).
std::optional<WalSegment> parse_wal_file_name(std::string_view name, std::uint64_t segment_bytes);
/// "00000002.history"
std::string history_file_name(TimelineId timeline);

/// The part of the log from start up to, not including, end.
struct WalRange {
  TimelineId timeline = 0;
  Lsn start = 0;
  Lsn end = 0;
  bool operator==(const WalRange&) const = default;
};

/// Whether the files of pg_wal (names and sizes) hold every segment of the ranges, whole, and the history file of each
/// timeline above 1. Codes: "wal_missing", "wal_size", "wal_history_missing", "wal_range". Stops at 100 findings.
/// REQUIRES: is_wal_segment_size.
Findings check_wal_present(const std::map<std::string, std::uint64_t>& files, const std::vector<WalRange>& ranges,
                           std::uint64_t segment_bytes);

}  // namespace drkit::systems::postgres
