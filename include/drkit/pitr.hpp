// pitr: what a repository can recover a PostgreSQL cluster to, and doing it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <drkit/postgres.hpp>
#include <drkit/restore.hpp>
#include <drkit/wal.hpp>

namespace drkit {

/// Log without a hole.
struct WalSpan {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  bool operator==(const WalSpan&) const = default;
};

struct WalTimeline {
  std::uint64_t system_id = 0;
  std::uint32_t timeline = 0;
  std::uint32_t parent = 0;  ///< 0: the first one, or its history is missing
  std::uint64_t switch_lsn = 0;
  std::string reason;          ///< why it began, in the server's words
  bool has_history = false;    ///< true for timeline 1, which has none
  std::vector<WalSpan> spans;  ///< sorted; a hole lies between two of them
};

/// What is wrong with the log that is kept. Codes: "wal_hole" (log between two stored parts is missing), "wal_gap"
/// (recorded as lost), "wal_damaged" (an object of the log is cut, does not open, or is not what goes on there),
/// "wal_history_missing", "wal_history_damaged", "wal_snapshot_unreachable" (log behind the snapshot is there but does
/// not connect with it), "wal_other_history" (the log is of another branch of history than the snapshot),
/// "wal_only_partial" (every snapshot of the cluster is partial).
struct WalProblem {
  std::string code;
  std::uint64_t system_id = 0;
  std::uint32_t timeline = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::string message;
};

/// Everything between start and end can be recovered to, from this snapshot.
struct RecoveryWindow {
  std::uint64_t system_id = 0;
  std::string snapshot;
  std::uint32_t timeline = 0;   ///< recovery_target_timeline
  std::uint64_t start_lsn = 0;  ///< where the snapshot is consistent
  std::uint64_t end_lsn = 0;
  std::int64_t start_time_ns = 0;  ///< when the backup ended
  std::int64_t end_time_ns = 0;    ///< of the last transaction that ended in it; start_time_ns when there is none
  std::string ended_by;            ///< "end of log", "hole", "gap", "damaged", "other history"
  /// What was looked at: "names" and sizes of the stored log; "history": that it is the snapshot's own, too; "content":
  /// and all of it was read.
  std::string proof;
};

struct WalReport {
  std::vector<WalTimeline> timelines;
  std::vector<WalProblem> problems;
  std::vector<RecoveryWindow> windows;
  std::uint64_t objects_read = 0;  ///< of the log, with WalVerifyOptions::read
  std::uint64_t bytes_read = 0;    ///< of log in them
};

struct WalVerifyOptions {
  bool read = false;  ///< open every object of the log that a window needs, and walk through its records
};

/// Every interval that can be recovered to, by the names and sizes of what is stored. Errors: permission_denied (a key
/// of the write role cannot read what snapshots say about themselves), corrupt, the storage's.
DRKIT_API Result<std::vector<RecoveryWindow>> recovery_window(const Context& ctx, const Repository& repository);
/// The same with timelines and what is missing, and each snapshot's own log compared with the stored one. A hole is a
/// problem, not an error.
DRKIT_API Result<WalReport> verify_wal(const Context& ctx, const Repository& repository,
                                       const WalVerifyOptions& options = {});
/// Whether the stored log goes on from this snapshot and not from another one of the same cluster: "" or what differs.
/// Reads two segments at most; "" also when there is nothing to compare yet. Errors: permission_denied, the storage's.
DRKIT_API Result<std::string> compare_with_log(const Context& ctx, const Repository& repository,
                                               const Snapshot& snapshot);

enum class PitrKind : std::uint8_t { latest, immediate, time, lsn, xid, name };

struct PitrTarget {
  PitrKind kind = PitrKind::latest;
  std::int64_t time_ns = 0;  ///< whole microseconds, as the server counts
  std::uint64_t lsn = 0;
  std::uint32_t xid = 0;
  std::string name;
  bool inclusive = true;
};

struct PitrOptions {
  PitrTarget target;
  std::optional<std::uint32_t> timeline;   ///< else the one that the newest snapshot leads to
  std::optional<std::uint64_t> system_id;  ///< needed when the repository holds several clusters
  std::string snapshot;  ///< an id, also of a partial one; "": the newest complete one from which the target is reached
  bool read_log = true;  ///< read all of the log that will be replayed; false: believe its names and sizes
};

/// One of the ways that the log goes on from the snapshots.
struct PitrTimeline {
  std::uint32_t timeline = 0;
  std::uint64_t end_lsn = 0;
  std::int64_t end_time_ns = 0;  ///< of the last transaction that ended on it; 0 when not known
};

/// How a target is reached; made without writing anything.
struct PitrPlan {
  Snapshot snapshot;
  PitrTarget target;
  std::uint64_t system_id = 0;
  std::uint32_t timeline = 0;
  std::uint64_t start_lsn = 0;    ///< recovery reads the log from here
  std::uint64_t stop_lsn = 0;     ///< where it will stop; for latest behind the last whole record of the log
  std::int64_t stop_time_ns = 0;  ///< of the last transaction before that, 0 when not known
  std::uint64_t wal_bytes = 0;    ///< to be replayed
  /// Of latest: "end of log", or why later log that is stored is not reached: "hole", "gap". Else "".
  std::string ended_by;
  std::vector<PitrTimeline> timelines;  ///< that were possible, when there are several; sorted
  bool log_was_read = false;            ///< all that will be replayed opens and goes on without a break
  bool own_log_only = false;         ///< the stored log is not this snapshot's: recovery takes what the snapshot holds
  bool stops_before_damage = false;  ///< what the server would read ahead behind the target is damaged
};

/// Chooses the snapshot and proves that the log leads to the target: that it is the snapshot's own, and (read_log) that
/// every object of it opens and goes on where the one before ended. That latest ends before later log that is stored is
/// a warning in the log, and so is what a partial snapshot lacks.
/// Errors: not_found (no snapshot, or the target lies outside of what can be recovered: the message says what can be),
///   invalid_argument (also: several timelines or clusters are possible; the message names them), permission_denied,
///   precondition_failed (the log is not this snapshot's), corrupt (log that is needed is damaged: the message says how
///   far it leads).
DRKIT_API Result<PitrPlan> plan_pitr(const Context& ctx, const Repository& repository, const PitrOptions& options);

enum class PitrAction : std::uint8_t { pause, promote, shutdown };

struct PitrSettings {
  std::string restore_command;  ///< as the server shall call it, with %f and %p
  PitrAction action = PitrAction::promote;
  /// Off: the recovered server does not archive, so that a trial leaves nothing in the repository.
  bool keep_archiving = false;
};

/// Writes into a restored data directory what makes the server recover to the target: postgresql.auto.conf is appended
/// to, recovery.signal made; synced. Errors: precondition_failed (a server runs in it), not_found (no data directory).
DRKIT_API Result<void> write_pitr_settings(const std::string& data_dir, const PitrPlan& plan,
                                           const PitrSettings& settings);

struct PitrStartOptions {
  std::string bin_dir;                             ///< "": /usr/lib/postgresql/MAJOR/bin
  std::map<std::string, std::string> environment;  ///< for the server's programs
  std::string log_file;                            ///< "": DATA_DIR/drkit-recovery.log
  std::string server_options;                      ///< passed to postgres as pg_ctl -o does
  std::chrono::milliseconds timeout = std::chrono::hours(1);
};

/// What recovery really came to.
struct PitrReached {
  bool finished = false;       ///< the target was reached; false: see message
  std::uint32_t timeline = 0;  ///< the server's own now
  std::uint64_t lsn = 0;       ///< where replay stopped
  std::int64_t time_ns = 0;    ///< of the last transaction replayed; 0 when the server's log does not tell (paused)
  std::string message;         ///< the server's own words
};

/// Starts the server as configured and waits until the target is reached (pause, promote) or it stopped by itself
/// (shutdown). The server lives on afterwards. A recovery that fails is a report with finished == false, and so is one
/// to latest that ended before the plan's stop_lsn: the server takes the first file that it does not get for the end.
/// Errors: precondition_failed, unsupported (no programs), timeout, cancelled (the server is stopped), io.
DRKIT_API Result<PitrReached> start_pitr(const Context& ctx, const std::string& data_dir, const PitrPlan& plan,
                                         PitrAction action, const PitrStartOptions& options = {});

}  // namespace drkit
