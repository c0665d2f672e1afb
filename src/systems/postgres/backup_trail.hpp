// The trail: what the local backups of a cluster leave in it, so that a later one knows whether it was set back since.
#pragma once

#include <string>
#include <vector>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

/// Ids of the local backups that this data directory has lived through, oldest first; none when there is no trail.
/// root: descriptor of the data directory. Errors: io, permission_denied.
Result<std::vector<std::string>> read_trail(int root);

/// Adds an id made anew and gives it. To be called when the backup has ended: a state of the directory that holds the
/// id is one of after that end. The trail lies in pg_stat_tmp, of which no backup holds the content and where no server
/// looks; it belongs to the directory's owner. Errors: permission_denied, io (a directory mounted read-only).
Result<std::string> leave_trail(int root);

}  // namespace drkit::systems::postgres
