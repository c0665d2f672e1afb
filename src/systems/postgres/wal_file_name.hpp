// Names of the files of pg_wal <-> names of the log's objects.
#pragma once

#include <optional>
#include <string>

#include <drkit/wal.hpp>

#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

/// What a file name says without the segment size.
struct WalFileName {
  WalKind kind = WalKind::segment;
  TimelineId timeline = 0;
  std::uint32_t high = 0;  ///< the second and third part of a segment's name
  std::uint32_t low = 0;
  std::uint32_t offset = 0;  ///< label: where the backup began in the segment
};
std::optional<WalFileName> parse_file_name(std::string_view name);

/// Null when the low part is out of range for this size.
std::optional<WalName> object_of_file(const WalFileName& file, std::uint64_t system_id, std::uint64_t segment_bytes);

}  // namespace drkit::systems::postgres
