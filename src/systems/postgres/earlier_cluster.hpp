// From an earlier snapshot to what local files may be compared with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <drkit/spi/source.hpp>

#include "systems/postgres/local_file.hpp"

namespace drkit::systems::postgres {

/// The cluster as it is backed up now.
struct ClusterNow {
  std::string system_id;
  TimelineId timeline = 0;
  Lsn start = 0;
  std::string page_promise;        ///< "": pages do not tell by their LSN that they changed
  std::string server_started;      ///< tells one run of the server from another
  std::vector<std::string> trail;  ///< ids of local backups that the directory has lived through
};

/// Null when the snapshot was not read locally, is another cluster's or has no manifest that can be read.
/// Pages are trusted to tell only when the history from that backup to this one is a straight line: the same system and
/// timeline, this start not before that end, the same promise at both times, and the same run of the server in a
/// directory that has the earlier backup in its trail. Positions alone do not prove it: a directory that was set back
/// to an older copy reaches them again.
Result<std::optional<EarlierCluster>> understand_earlier(const Context& ctx, const EarlierSnapshot& earlier,
                                                         const ClusterNow& now);

}  // namespace drkit::systems::postgres
