// restore: a snapshot into a target; and looking into snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <drkit/repository.hpp>
#include <drkit/spi/target.hpp>

namespace drkit {

struct RestoreOptions {
  std::vector<std::string> includes;  ///< globs; empty: everything
  std::vector<std::string> excludes;
  /// Over an existing tree, writing only what differs. Files that are not in the snapshot are removed, but for what
  /// lies where the backup could not read, and not at all with includes or excludes. A place that holds things and none
  /// of the names directly below the snapshot's root is refused: it is the wrong snapshot, or the wrong place.
  bool delta = false;
  bool owners = true;  ///< set owners when the process may
};

/// What a restore would do, or did. Units: bytes, entries.
struct RestoreStats {
  std::uint64_t entries = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;          ///< plain size of the files chosen
  std::uint64_t bytes_fetched = 0;  ///< read from the storage
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_kept = 0;  ///< delta: already right
  std::uint64_t problems = 0;    ///< entries that the snapshot itself lacks
  std::int64_t duration_ns = 0;
};

struct RestoreResult {
  Status status = Status::complete;  ///< partial when the snapshot was partial in the part restored
  RestoreStats stats;
  std::vector<Problem> problems;  ///< the first 1000
};

/// Counts what restore would do, touching nothing.
DRKIT_API Result<RestoreStats> plan_restore(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                                            const RestoreOptions& options = {});

struct RestorePlan {
  RestoreStats stats;
  Removals removals;  ///< of a delta
};

/// The same, and what a delta restore would remove from this target.
/// Errors: precondition_failed when a delta finds nothing of the snapshot at the place.
DRKIT_API Result<RestorePlan> plan_restore(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                                           RestoreTarget& target, const RestoreOptions& options = {});

/// Writes the snapshot into the target. On failure nothing claims to be complete; see the target for what is left.
/// Errors: precondition_failed (place not empty, server running), corrupt (named), no_space, ...
DRKIT_API Result<RestoreResult> restore(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                                        RestoreTarget& target, const RestoreOptions& options = {});

/// Returns false to stop.
using EntryVisitor = std::function<bool(const Entry&)>;

/// Visits the entries at and below `path` ("" for all) in path order, in bounded memory.
DRKIT_API Result<void> list_entries(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                                    const std::string& path, const EntryVisitor& visit);

/// Gives the content of one regular or stream entry in order, verified.
/// Errors: not_found, invalid_argument (not a file).
DRKIT_API Result<void> read_entry(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                                  const std::string& path, Sink& sink);

enum class Change : std::uint8_t { added, removed, modified };
using ChangeVisitor = std::function<bool(Change, const Entry&)>;  ///< modified gives the entry of b

/// Visits what differs between two snapshots in path order; parts shared by both are not read.
DRKIT_API Result<void> diff(const Context& ctx, const Repository& repository, const Snapshot& a, const Snapshot& b,
                            const ChangeVisitor& visit);

}  // namespace drkit
