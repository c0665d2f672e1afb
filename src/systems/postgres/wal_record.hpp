// One record of the write-ahead log: the few kinds that point-in-time recovery stops at.
#pragma once

#include <optional>

#include "systems/postgres/wal_segment.hpp"

namespace drkit::systems::postgres {

inline constexpr std::size_t kRecordHeader = 24;

/// REQUIRES: a whole record, at least kRecordHeader bytes. Positions are the caller's to fill in.
std::optional<WalMark> mark_of_record(ByteView record);
/// Whether the rest of its file is padding.
bool is_switch_record(ByteView record);

/// Microseconds since 2000-01-01 as the server writes them -> nanoseconds since the Unix epoch.
std::int64_t wall_ns_of_server(std::int64_t microseconds);
std::int64_t server_time_of_wall(std::int64_t wall_ns);

}  // namespace drkit::systems::postgres
