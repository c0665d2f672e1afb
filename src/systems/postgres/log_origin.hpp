// Whether the stored log is that of the cluster from which a snapshot was made, or of another one that began as the
// same.
#pragma once

#include "systems/postgres/base_points.hpp"

namespace drkit::systems::postgres {

struct LogOrigin {
  std::string different;   ///< "": the same, or nothing to compare; else what differs, as a whole message
  bool holds_log = false;  ///< the snapshot has log of its own
};

/// Compares the log that the snapshot holds, up to its end, with the stored one: the segment of its checkpoint and the
/// one in which it ends. Without log of its own: whether its checkpoint is in the stored log.
/// timelines: where the stored segments may lie, the point's own first.
/// Errors: permission_denied, the storage's; damage is nothing to compare.
Result<LogOrigin> compare_origin(const Context& ctx, const Repository& repository, const BasePoint& point,
                                 const std::vector<TimelineId>& timelines);

/// Timelines whose history leads through the whole of the backup, its own first.
std::vector<TimelineId> timelines_through(const WalMap& map, const BasePoint& point);

}  // namespace drkit::systems::postgres
