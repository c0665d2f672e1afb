// Where the tablespaces of a restored cluster go, and whether they can.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include <drkit/postgres.hpp>

namespace drkit::systems::postgres {

inline const std::string kTablespacesOfReceipt = "tablespaces";

/// Oid -> location, as the receipt of a snapshot has them.
std::map<std::string, std::string> tablespaces_of(const std::map<std::string, std::string>& receipt);

/// Errors: not_found for a mapping of something that is no tablespace of the snapshot; it says which there are.
Result<void> check_mappings(const PostgresRestoreOptions& options, const std::map<std::string, std::string>& known);

/// The folder of a tablespace. Errors: invalid_argument (relative, or inside of root).
Result<std::string> tablespace_place(const PostgresRestoreOptions& options, const std::string& root,
                                     const std::string& oid, const std::string& old_location);

/// Errors: invalid_argument when one folder is inside of the other.
Result<void> refuse_shared(const std::string& place, const std::string& other, const std::string& oid);

/// Errors: precondition_failed when something is there.
Result<void> check_place_is_free(const std::string& oid, const std::string& place);

/// Before a delta restore writes over a place. What it finds in a tablespace is this data directory's own only when its
/// link says so; otherwise it may be that of a live cluster, which leaves no sign of its process there.
/// Errors: precondition_failed.
Result<void> check_place_is_ours(const std::string& root, const std::string& oid, const std::string& place);

/// The first folder on the way to a path that this account may not go through, as far as modes say; null: none.
std::optional<std::string> closed_folder_above(const std::string& path, uid_t uid, gid_t gid);

}  // namespace drkit::systems::postgres
