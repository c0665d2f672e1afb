// Where receiving goes on: behind what the repository has without a hole.
#pragma once

#include <vector>

#include <drkit/wal.hpp>

#include "systems/postgres/wal_map.hpp"

namespace drkit::systems::postgres {

struct ResumePoint {
  bool found = false;  ///< the repository holds log of the way that leads to the server's timeline
  TimelineId timeline = 0;
  Lsn stored = 0;         ///< everything from segment_start up to here is known
  Lsn segment_start = 0;  ///< where to ask for the log
  std::vector<WalName> known;
  Lsn hole = 0;      ///< the first byte that is neither stored nor recorded as lost
  Lsn hole_end = 0;  ///< where the stored log of this timeline goes on, or the timeline is left
  Lsn furthest = 0;  ///< the end of all that is stored of the path's last timeline
};

/// path: the way to the server's timeline. held_from: what the server keeps for us begins here; 0: it keeps nothing.
/// The first hole behind both beginnings counts, not the end of everything: an archiver may have stored later files.
/// Names alone are read, so a key of the write role will do.
Result<ResumePoint> find_resume_point(const Context& ctx, const WalArchive& archive, std::uint64_t system_id,
                                      const Path& path, std::uint64_t segment_bytes, Lsn held_from = 0);

}  // namespace drkit::systems::postgres
