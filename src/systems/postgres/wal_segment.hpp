// What a file of the write-ahead log says about itself: its first page, and the ends of transactions in it.
#pragma once

#include <functional>

#include <drkit/wal.hpp>

#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

struct WalPageHeader {
  std::uint16_t magic = 0;
  TimelineId timeline = 0;
  Lsn address = 0;
  std::uint64_t system_id = 0;
  std::uint32_t segment_bytes = 0;
  std::uint32_t block_bytes = 0;
};

/// The long header at the start of a segment. Errors: corrupt (too short, no such header, impossible sizes).
Result<WalPageHeader> parse_first_page(ByteView bytes);

/// The end of a transaction or a named restore point in the log.
struct WalMark {
  enum class Kind : std::uint8_t { commit, abort, restore_point } kind = Kind::commit;
  Lsn start = 0;
  Lsn end = 0;  ///< behind the record
  std::uint32_t xid = 0;
  std::int64_t time_ns = 0;
  std::string name;  ///< restore point
};

struct WalScan {
  Lsn end = 0;         ///< behind the last whole record
  Lsn last_start = 0;  ///< where that one starts
  std::uint64_t records = 0;
  bool cut = false;  ///< a record runs over the end of the bytes; its beginning is at `end`, or before the bytes
};

/// Walks the records of consecutive log bytes that begin with a segment, visiting marks; a false answer stops it.
/// It ends without an error where the log ends: at the first record that is none (zeros, an old page, a wrong CRC).
/// Errors: corrupt when not even the first page is one.
Result<WalScan> scan_wal(ByteView bytes, const std::function<bool(const WalMark&)>& visit);

/// The same for records that begin before `border`, which the bytes go beyond.
Result<WalScan> scan_wal_until(ByteView bytes, Lsn border, const std::function<bool(const WalMark&)>& visit);

/// What scan_wal sees in a segment, as the repository keeps it.
Result<WalFacts> facts_of_segment(ByteView bytes);

}  // namespace drkit::systems::postgres
