// The spool: what this machine remembers between two calls of archive_command or restore_command.
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>

#include <drkit/wal_files.hpp>

#include "base/large_bytes.hpp"

namespace drkit::systems::postgres {

/// The spool's folder for this repository. Marks of pushed files and fetched segments lie in it.
std::string spool_folder(const WalSpool& spool);

/// What changes whenever a file is written or exchanged.
std::string fingerprint_of(const struct stat& status);

/// Says that the file as it was with this fingerprint is stored in the repository of this id. Losing the mark costs
/// time, nothing else.
Result<void> mark_pushed(const WalSpool& spool, const std::string& repository_id, const std::string& file_name,
                         const std::string& fingerprint);
/// Removes the marks of files that sort before the name: the server has passed them.
void drop_pushed_before(const WalSpool& spool, const std::string& file_name);

/// Keeps a fetched segment with a checksum. Not synced: a torn one is noticed when it is taken.
Result<void> keep_fetched(const WalSpool& spool, std::uint64_t system_id, const std::string& file_name, ByteView bytes);
/// Null when there is none of this cluster, or it is damaged (it is removed then).
Result<std::optional<Bytes>> take_fetched(const WalSpool& spool, std::uint64_t system_id, const std::string& file_name);
/// Removes the cluster's segments that sort before the name.
void drop_fetched_before(const WalSpool& spool, std::uint64_t system_id, const std::string& file_name);

/// Writes a temporary file beside the destination, syncs it, renames it and syncs the folder. Errors: io, also when
/// the folder is not there: not_found would say that the file is not kept.
Result<void> deliver(const std::string& destination, ByteView bytes);
/// The bytes of a file that does not change while it is read, with its state. Errors: not_found, io,
/// precondition_failed when it changed, invalid_argument when it is larger than `limit`.
struct StableFile {
  std::span<std::byte> bytes;  ///< of the buffer
  std::string fingerprint;
  base::LargeBuffer buffer;
};
Result<StableFile> read_stable(const std::string& path, std::uint64_t limit);

}  // namespace drkit::systems::postgres
