// Reading the stored log through, as the server will: every object opens, every record is whole and the next one
// follows.
#pragma once

#include <optional>

#include "systems/postgres/wal_map.hpp"

namespace drkit::systems::postgres {

struct LogWalk {
  Lsn good_until = 0;              ///< all before this was read and is sound
  Lsn last_record = 0;             ///< where the last whole record before the break begins; 0: there is none
  std::string problem;             ///< "": none; else what is wrong at good_until
  std::optional<WalName> damaged;  ///< the object
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

/// Reads [from, to) of the path; a few segments are in memory at a time. Damage and what went away is a problem of the
/// walk. Errors: permission_denied, cancelled, the storage's.
Result<LogWalk> walk_log(const Context& ctx, const WalArchive& archive, const WalMap& map, const Path& path, Lsn from,
                         Lsn to);

}  // namespace drkit::systems::postgres
