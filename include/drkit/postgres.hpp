// PostgreSQL: a cluster as a source, a restored data directory as a target, and booting one to prove it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/result.hpp>
#include <drkit/spi/source.hpp>
#include <drkit/spi/target.hpp>

namespace drkit {

enum class PostgresMode : std::uint8_t {
  automatic,  ///< what this build can do; today stream
  stream,     ///< BASE_BACKUP over the replication protocol
  local,      ///< reading the data directory
};

enum class PostgresWhat : std::uint8_t {
  cluster,  ///< the whole data directory with its tablespaces
};

struct PostgresOptions {
  PostgresMode mode = PostgresMode::automatic;
  PostgresWhat what = PostgresWhat::cluster;
  std::string label = "drkit";     ///< shown in backup_label and pg_stat_progress_basebackup
  bool fast_checkpoint = true;     ///< false: the server spreads the checkpoint, which takes minutes
  std::uint32_t max_rate_kib = 0;  ///< KiB/s that the server sends at most; 0 or 32..1048576
  bool verify_checksums = true;    ///< the server checks page checksums; a bad page makes the backup FAILED
  bool wal = true;                 ///< the WAL that the backup needs is part of it, so that it restores alone
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(30);
};

/// A source that streams a running cluster, server versions 15 to 18. conninfo is a libpq connection string or URI; what it
/// leaves open libpq takes from its own variables and files. The role needs REPLICATION.
///
/// Entries: the data directory as the server sends it, the content of tablespaces below pg_tblspc/OID (whose own entry is
/// the symlink), then "" (the root) and, last, backup_manifest, whose size is known only after it was read.
/// Receipt: start_lsn, end_lsn, timeline, end_timeline, system_id, server_version, server_version_num, major_version,
/// wal_segment_bytes, backup_from, checkpoint_lsn, start_time, label, tablespaces ("OID=location" lines).
/// Errors: invalid_argument, unsupported (mode=local, server older than 15), version_unsupported (newer than 18) and,
///   from the calls of the source, unauthenticated, permission_denied, unavailable, timeout, cancelled, corrupt, io.
DRKIT_API Result<std::unique_ptr<Source>> make_postgres_source(std::string conninfo, PostgresOptions options = {});

}  // namespace drkit
