// A running server's data directory as a list of what belongs into a backup: what BASE_BACKUP would send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/entry.hpp>
#include <drkit/result.hpp>

#include "base/posix_file.hpp"

namespace drkit::systems::postgres {

/// One name found. Attributes are looked at again when its turn comes.
struct FoundFile {
  std::string path;  ///< relative to the data directory
  EntryType type = EntryType::regular;
  std::string link_target;  ///< of symlink
};

struct FoundTree {
  std::vector<FoundFile> files;  ///< in path order, without "", pg_wal's content and global/pg_control
  std::uint64_t bytes = 0;
};

/// Left out, as the server does: what it makes anew at every start, temporary and unlogged relations (their init forks
/// stay, they are what recovery starts from), other versions' folders in tablespaces, files that mark a running server
/// or an earlier backup. What vanishes during the walk is passed over.
/// version_folder: the one name of this server in a tablespace, such as "PG_15_202209061".
/// Errors: of reading any folder; permission_denied names it.
Result<FoundTree> find_cluster_files(const Context& ctx, int root, const std::string& version_folder);

/// Whether the content of a folder is left out though the folder itself is kept.
bool is_emptied_folder(std::string_view path);
/// Whether a file or folder of this name is left out wherever it lies, or at this path.
bool is_excluded(std::string_view path, std::string_view name);
/// "t3_16384", "t3_16384_fsm", "t3_16384.1": a relation of one session alone.
bool is_temporary_relation(std::string_view name);
/// Of "16384", "16384.1", "16384_fsm", "16384_init": "16384"; empty for other names. is_init: it is the init fork.
std::string_view relation_number(std::string_view name, bool& is_init);

}  // namespace drkit::systems::postgres
