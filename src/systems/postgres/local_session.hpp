// The kept session of a backup that reads the data directory itself: pg_backup_start to pg_backup_stop.
#pragma once

#include <memory>
#include <string>

#include <drkit/postgres.hpp>

#include "systems/postgres/connection.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

/// What the server says about itself.
struct ServerFacts {
  std::string system_id;
  std::string data_directory;
  std::string port;
  std::int64_t started_us = 0;  ///< microseconds since the Unix epoch
  bool in_recovery = false;
  bool hints_logged = false;  ///< every change of a page since a checkpoint raises its LSN, hint bits too
  std::uint64_t wal_segment_bytes = 0;
  bool may_back_up = false;  ///< the role may call pg_backup_start and pg_backup_stop
};

/// The newest checkpoint that pg_control holds.
struct CheckpointFacts {
  Lsn checkpoint = 0;
  Lsn redo = 0;
  TimelineId timeline = 0;
};

/// What pg_backup_stop gave.
struct StopFacts {
  Lsn lsn = 0;
  std::string label;
};

/// Thread-safety: one thread at a time. Destruction ends the session, at which the server abandons the backup.
class LocalSession {
 public:
  /// Errors: as Connection::open; unsupported, version_unsupported; permission_denied when the role may not see the
  /// settings.
  static Result<std::unique_ptr<LocalSession>> open(const Context& ctx, const ConnectionParameters& parameters,
                                                    const PostgresOptions& options);

  const ServerFacts& facts() const { return facts_; }
  const Connection& connection() const { return *connection_; }

  /// Keeps WAL from here on from being recycled until the session ends. False when the server refused (no free slot,
  /// no right): then the backup depends on wal_keep_size, and fails when a segment is gone.
  Result<bool> hold_wal(const Context& ctx);
  Result<Lsn> start(const Context& ctx, const PostgresOptions& options);
  Result<StopFacts> stop(const Context& ctx, bool wait_for_archive);
  Result<CheckpointFacts> checkpoint(const Context& ctx);
  /// The timeline that WAL is written or received on now. Errors: precondition_failed when a standby was promoted.
  Result<TimelineId> current_timeline(const Context& ctx);
  /// Errors: unavailable as soon as the server closed the session.
  Result<void> check_alive(const Context& ctx) { return connection_->check_alive(ctx); }

 private:
  explicit LocalSession(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Result<void> load_facts(const Context& ctx);

  std::unique_ptr<Connection> connection_;
  ServerFacts facts_;
};

/// Errors: unsupported (older than 15), version_unsupported (newer than 18).
Result<void> check_server_version(const Connection& connection);

}  // namespace drkit::systems::postgres
