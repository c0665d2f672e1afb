// wal_files: files of the log between a server and a repository: what archive_command and restore_command call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <drkit/wal.hpp>

namespace drkit {

/// A folder of this machine that remembers what was done for one repository, so that most calls need not open it.
struct WalSpool {
  std::string directory;   ///< "": none
  std::string repository;  ///< its address as the caller writes it; another one never sees these files
  /// Of wal_was_pushed: Repository::id() or read_repository_id(). A repository that was made anew at the same address
  /// has another one, and none of the files.
  std::string repository_id{};
};

struct WalPushOptions {
  WalSpool spool;
  /// Also push so many more files that the server has marked as ready, at the same time. Needs a spool, in which later
  /// calls for them find that they are done.
  unsigned batch = 0;
  std::optional<std::uint64_t> system_id;  ///< of the cluster; else from the file itself or its data directory
};

struct WalPushResult {
  WalPut outcome = WalPut::stored;  ///< of the file asked for
  unsigned more = 0;                ///< others of the batch that are now stored
};

/// Whether an earlier call with this spool stored the file as it is now in the repository of this id; false without an
/// id. Opens nothing but the spool. Errors: io, permission_denied: push_wal will do, only slower.
DRKIT_API Result<bool> wal_was_pushed(const std::string& path, const WalSpool& spool);
/// The id of the repository in which an earlier call with this spool stored the file as it is now; "" for none.
/// Whether the repository at the address is still that one is for the caller to find out.
DRKIT_API Result<std::string> wal_pushed_to(const std::string& path, const WalSpool& spool);

/// Stores a file of pg_wal: a segment, a .partial, a .history or a .backup. Durable in the repository when it returns.
/// Errors: already_exists (other bytes are stored under the name), corrupt (no file of the log, or not what its name
///   says, or of another cluster than the data directory), invalid_argument (a name of another kind), not_found, io.
/// A spool that cannot be written to is a warning in the log.
DRKIT_API Result<WalPushResult> push_wal(const Context& ctx, const WalArchive& archive, const std::string& path,
                                         const WalPushOptions& options = {});

struct WalGetOptions {
  WalSpool spool;
  unsigned prefetch = 0;  ///< segments behind the one asked for that are fetched at the same time; needs a spool
  /// The cluster; else that of the data directory in which the destination lies, else the only one of the repository.
  std::optional<std::uint64_t> system_id;
  /// Deliver the last segment as far as it can be read also when it is damaged behind that, with a warning. For a
  /// recovery to a target that lies before: to any other one the damage would look like the end of the log.
  bool up_to_damage = false;
};

/// Delivers a segment that an earlier call fetched; false when there is none of this cluster (system_id, else that of
/// the data directory in which the destination lies). Opens nothing but the spool and pg_control.
/// Errors: io (the spool or the destination): get_wal needs no spool.
DRKIT_API Result<bool> take_prefetched_wal(const std::string& file_name, const std::string& destination,
                                           const WalSpool& spool,
                                           std::optional<std::uint64_t> system_id = std::nullopt);

/// Writes the file to the destination: whole, verified and synced, or not at all. A segment that still grows is put
/// together of its pieces and padded with zeros.
/// Errors: not_found (the repository holds no such file, and nothing else), corrupt, permission_denied (a key of the
///   write role), invalid_argument (no name of a file of the log, or the cluster is not clear), io (the destination,
///   also when its folder is not there).
DRKIT_API Result<void> get_wal(const Context& ctx, const WalArchive& archive, const std::string& file_name,
                               const std::string& destination, const WalGetOptions& options = {});

/// The name that the server gives the file of an object; pieces have that of their segment.
DRKIT_API std::string wal_file_of(const WalName& name, std::uint64_t segment_bytes);

}  // namespace drkit
