// Snapshots of clusters as places from which recovery starts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <drkit/repository.hpp>

#include "systems/postgres/wal_map.hpp"

namespace drkit::systems::postgres {

struct BasePoint {
  Snapshot snapshot;
  std::uint64_t system_id = 0;
  TimelineId start_timeline = 0;
  TimelineId timeline = 0;  ///< where it is consistent
  Lsn start_lsn = 0;
  Lsn end_lsn = 0;
  Lsn log_from = 0;  ///< the kept log must go on from here
  std::int64_t end_time_ns = 0;
  Lsn checkpoint_lsn = 0;           ///< 0: not known
  std::uint64_t segment_bytes = 0;  ///< of the cluster's log
  bool partial = false;             ///< the snapshot lacks something
  std::string other_log;            ///< not "": the stored log is not this one's, and why
};

/// Null for what is no snapshot of a cluster, or does not say where it begins and ends.
std::optional<BasePoint> base_point_of(const Snapshot& snapshot);

/// Snapshots of clusters whose receipt says where they begin and end, sorted by end_lsn and time.
/// Errors: permission_denied (a key of the write role), and those of listing.
Result<std::vector<BasePoint>> load_base_points(const Context& ctx, const Repository& repository);

/// A backup of a primary ends its segment and holds it: where the repository has not got that one, the next one will
/// do. Sets log_from. Errors: those of looking into the snapshots.
Result<void> connect_with_log(const Context& ctx, const Repository& repository, const WalMap& map,
                              std::vector<BasePoint>& points);

/// How far the log leads from the point; its own end when there is none, or it is not the point's.
Lsn reach_from(const WalMap& map, const Path& path, const BasePoint& point);

/// Whether the way leads through the whole of the backup.
bool lies_on(const BasePoint& point, const Path& path);

}  // namespace drkit::systems::postgres
