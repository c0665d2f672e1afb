// WAL that a local backup needs, taken from pg_wal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <drkit/spi/source.hpp>

#include "base/posix_file.hpp"
#include "systems/postgres/local_tally.hpp"

namespace drkit::systems::postgres {

/// Names in pg_wal, in the order in which recovery asks: history files, then every segment of the range. Errors: of
/// reading the folder.
Result<std::vector<std::string>> wal_files_for(int root, const WalRange& range, std::uint64_t segment_bytes);

struct WalRules {
  WalRange range;
  std::uint64_t segment_bytes = 0;
  std::uint64_t system_id = 0;
};

/// The stream of one of these files. Every page of a segment up to the range's end must say that it lies where it
/// should: a segment that was recycled meanwhile does not. Errors: precondition_failed when the server has removed or
/// recycled the segment: a backup without it would never start.
Result<std::unique_ptr<Stream>> open_wal_file(int root, const std::string& name, Entry entry, const WalRules& rules,
                                              LocalTally& tally);

}  // namespace drkit::systems::postgres
