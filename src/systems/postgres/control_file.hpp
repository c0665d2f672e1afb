// global/pg_control: what the cluster says about itself.
#pragma once

#include <cstdint>
#include <string_view>

#include <drkit/result.hpp>

#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

struct ControlFile {
  std::uint64_t system_id = 0;
  std::uint32_t control_version = 0;  ///< 1300 for servers 13 to 16, 1700 and 1800 for those
  std::uint32_t catalog_version = 0;
  std::uint32_t state = 0;
  Lsn checkpoint = 0;
  Lsn redo = 0;
  TimelineId timeline = 0;
  std::uint32_t block_bytes = 0;
  std::uint32_t segment_pages = 0;  ///< pages of one file of a relation
  std::uint64_t wal_segment_bytes = 0;
  std::uint32_t checksum_version = 0;  ///< 0: pages carry no checksums
};

/// Errors: corrupt (short, wrong CRC), version_unsupported (a layout other than those of servers 13 to 18).
Result<ControlFile> parse_control_file(ByteView bytes);

}  // namespace drkit::systems::postgres
