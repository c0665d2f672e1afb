// Where receiving goes on: behind what the repository has.
#pragma once

#include <vector>

#include <drkit/wal.hpp>

#include "systems/postgres/wal_map.hpp"

namespace drkit::systems::postgres {

struct ResumePoint {
  bool found = false;  ///< the repository holds log of the way that leads to the server's timeline
  TimelineId timeline = 0;
  Lsn stored = 0;         ///< everything known on this timeline ends here
  Lsn segment_start = 0;  ///< where to ask for the log
  std::vector<WalName> known;
};

/// path: the way to the server's timeline. Names alone are read, so a key of the write role will do.
Result<ResumePoint> find_resume_point(const Context& ctx, const WalArchive& archive, std::uint64_t system_id,
                                      const Path& path, std::uint64_t segment_bytes);

}  // namespace drkit::systems::postgres
