// PostgreSQL: a cluster as a source, a restored data directory as a target, and booting one to prove it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/result.hpp>
#include <drkit/spi/source.hpp>
#include <drkit/spi/target.hpp>

namespace drkit {

enum class PostgresMode : std::uint8_t {
  automatic,  ///< local where it is possible, else stream
  stream,     ///< BASE_BACKUP over the replication protocol
  local,      ///< reading the data directory on this machine, several files at a time
};

enum class PostgresWhat : std::uint8_t {
  cluster,  ///< the whole data directory with its tablespaces
  dump,     ///< each database by pg_dump, what belongs to none by pg_dumpall
};

struct PostgresOptions {
  PostgresMode mode = PostgresMode::automatic;
  PostgresWhat what = PostgresWhat::cluster;
  std::string label = "drkit";     ///< shown in backup_label and pg_stat_progress_basebackup
  bool fast_checkpoint = true;     ///< false: the server spreads the checkpoint, which takes minutes
  std::uint32_t max_rate_kib = 0;  ///< KiB/s that are read from the cluster at most; 0 or 32..1048576
  /// Page checksums are checked on the way. A bad page makes a stream FAILED, as the server does; read locally it makes
  /// the snapshot PARTIAL, with the file and the blocks named and the page kept as it is.
  bool verify_checksums = true;
  bool wal = true;  ///< the WAL that the backup needs is part of it, so that it restores alone
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(30);
  /// mode local: the data directory as this process sees it, when that is another path than the server's; "": the same.
  std::string data_directory = {};
  /// what dump: these databases; none: the one of the connection string, or all that take connections when it names
  /// none.
  std::vector<std::string> databases = {};
  std::string bin_dir = {};  ///< what dump: folder of pg_dump and pg_dumpall; "": looked for in the usual places
  /// what dump: where they are looked for besides, folders separated by ':'; open_source gives PATH.
  std::string search_path = {};
};

/// A source that backs up a running cluster, server versions 15 to 18. conninfo is a libpq connection string or URI;
/// what it leaves open libpq takes from its own variables and files.
///
/// Mode stream: the role needs REPLICATION. Mode local: this process may read the data directory (so it runs as its
/// owner, its group or root), and the role may execute pg_backup_start(text, boolean) and pg_backup_stop(boolean), is a
/// member of pg_read_all_settings, and has REPLICATION for a temporary slot that holds the WAL back (without it a
/// backup fails when the server has removed WAL that it needs). Whether the directory is that server's is proven by
/// system identifier, process file and newest checkpoint. Mode automatic: local when all this is so, else stream.
///
/// Entries: the data directory as the server sends it, the content of tablespaces below pg_tblspc/OID (whose own entry
/// is the symlink), then "" (the root) and, last, backup_manifest, whose size is known only after it was read. Receipt:
/// start_lsn, end_lsn, timeline, end_timeline, system_id, server_version, server_version_num, major_version,
/// wal_segment_bytes, backup_from, checkpoint_lsn, start_time, label, tablespaces ("OID=location" lines), mode
/// ("stream" or "local"), server_started (microseconds since the Unix epoch; "" when the role may not connect to a
/// database); of mode local also manifest_checksum, page_changes, trail_id (left in the data directory below
/// pg_stat_tmp), pages_checked, pages_torn, and full_because (why changed files were not compared page by page) where
/// there was a parent; of mode stream either incremental_from (start_lsn of the snapshot since which the server, 17 or
/// later with summarize_wal, told the changes) or full_because (why it did not). What dump: the streams globals.sql
/// (roles, tablespaces, settings) and NAME.dump of every database, in pg_dump's custom format and uncompressed, so that
/// equal data is stored once. '/' and '%' in names become %2F and %25. Each database is consistent in itself. A failing
/// program fails the backup. Receipt: server_version, server_version_num, major_version, dump_major (of pg_dump),
/// databases (one a line). Errors: unsupported when no pg_dump of the server's version or a newer one is found, before
/// anything is dumped. Errors: invalid_argument, unsupported (server older than 15), version_unsupported (newer than
/// 18) and, from the
///   calls of the source, unauthenticated, permission_denied, unavailable, timeout, cancelled, corrupt, io,
///   precondition_failed (mode local: another server's directory, WAL that the server removed, a promotion meanwhile).
DRKIT_API Result<std::unique_ptr<Source>> make_postgres_source(std::string conninfo, PostgresOptions options = {});

/// The connection string of an address: what follows "postgres:", a URI whole, a connection string as it is.
/// Errors: invalid_argument (malformed, an option that libpq does not know, or a password: it belongs into PGPASSWORD
/// or a password file, for addresses are seen by others and kept in places).
DRKIT_API Result<std::string> conninfo_of_address(std::string_view address);

/// One statement of the user's, run after the restored cluster came up.
struct PostgresQuery {
  std::string sql;
  std::string database = "postgres";
};

struct PostgresBootOptions {
  std::string bin_dir;  ///< folder of the server's programs; "": /usr/lib/postgresql/MAJOR/bin
  std::map<std::string, std::string> environment;  ///< for those programs, for example LD_LIBRARY_PATH
  std::string scratch_dir = "/tmp";  ///< parent of a private folder for socket, log and access rules; a short path
  std::string user;                  ///< a superuser; "": the one that initdb made
  std::chrono::milliseconds start_timeout = std::chrono::minutes(30);  ///< until recovery is over
  std::string shared_buffers = "128MB";
  bool amcheck = true;                  ///< pg_amcheck, or the same functions by SQL where it is not installed
  bool read_everything = true;          ///< pg_dump of every database, or COPY of every table where it is not installed
  bool keep_preload_libraries = false;  ///< false: background workers such as job schedulers do not run on the copy
  bool durable = false;                 ///< true: fsync as configured, for a directory that lives on afterwards
  std::vector<PostgresQuery> queries;   ///< a single boolean result must be true
};

struct PostgresBootCheck {
  std::string name;     ///< "start", "amcheck", "dump", "query", "stop"
  std::string subject;  ///< database or statement
  bool ok = false;
  double seconds = 0;
  std::string output;    ///< what it said; the first 4 KiB
  bool skipped = false;  ///< it could not be made, and output says why; ok is true, for nothing wrong was seen
};

struct PostgresBootReport {
  bool ready = false;  ///< recovery ended and the server took connections
  double seconds_to_ready = 0;
  int major_version = 0;
  bool own_configuration = false;  ///< the cluster's postgresql.conf was missing or no server started with it
  std::vector<PostgresBootCheck> checks;
  std::string log_tail;  ///< end of the server's log; only when something failed
  bool ok() const {
    for (const PostgresBootCheck& check : checks) {
      if (!check.ok) return false;
    }
    return ready;
  }
};

/// Starts the cluster in data_dir on a private socket, without network, archiving, replication or autovacuum, until
/// recovery is over, checks it and stops it. The directory is changed as a start changes it (and standby.signal,
/// recovery.signal and tablespace_map are renamed to *.disabled): give it a copy. Run by root, the server runs as the
/// directory's owner. A cluster that does not start is a report with ready == false; no process, socket or file stays
/// behind. Errors: not_found (no data directory), precondition_failed (a server runs in it, or it belongs to root),
/// unsupported
///   (no programs of its version; the message names where), invalid_argument (scratch_dir too long), cancelled, io.
DRKIT_API Result<PostgresBootReport> boot_postgres(const Context& ctx, const std::string& data_dir,
                                                   const PostgresBootOptions& options);

struct PostgresRestoreOptions {
  /// Old location or oid of a tablespace -> new folder, an absolute path.
  std::map<std::string, std::string> tablespaces;
  /// Folder in which every other tablespace gets a folder named by its oid; an absolute path.
  std::optional<std::string> all_tablespaces_under;
  /// The snapshot's. With it a mapping of a tablespace that is not in the snapshot, and a place that is not empty, are
  /// found before anything is written; without, when the tablespace comes (such a mapping never).
  std::map<std::string, std::string> receipt = {};
  /// The snapshot of a standby starts as one, and follows the primary that its settings name. False: standby.signal is
  /// left out, which the log says.
  bool keep_standby = false;
};

struct PostgresDumpRestoreOptions {
  std::string bin_dir;                   ///< folder of pg_restore and psql; "": looked for in the usual places
  std::string scratch_dir = "/var/tmp";  ///< takes the dumps, as large as they are, until they are restored
  unsigned jobs = 2;                     ///< of pg_restore, for a database that it makes
  std::string search_path = {};          ///< where the programs are looked for besides; open_target gives PATH
  /// Name or old location of a tablespace -> folder on the server's machine.
  std::map<std::string, std::string> tablespaces = {};
  bool no_tablespaces = false;  ///< none is made, and everything goes to the default one
};

/// A target for snapshots of dumps: databases are made on the server by pg_restore, several jobs at a time, after roles
/// and tablespaces. Roles that exist stay as they are. A database that exists must be empty, and is filled by one job
/// in one transaction; nothing is overwritten. One that was made and not filled to the end is dropped again, so the
/// same restore may be tried once more. Errors: invalid_argument and, from begin, open and finish, those of connecting;
///   unsupported (no pg_restore as new as the pg_dump that made the dumps; a server older than the dumped one),
///   precondition_failed (database with content; no folder for a tablespace), not_found (a tablespace that is needed or
///   mapped), io (a program failed; its words, or the server's and the statement without secrets, are in the context).
DRKIT_API Result<std::unique_ptr<RestoreTarget>> make_postgres_dump_target(std::string conninfo,
                                                                           std::map<std::string, std::string> receipt,
                                                                           PostgresDumpRestoreOptions options = {});

/// Makes a target for a tree at an absolute path: the filesystem's factory.
using MakeRestoreTarget = std::function<Result<std::unique_ptr<RestoreTarget>>(std::string root)>;

/// A target for a data directory at root: the content of each tablespace goes to its (new) location, which must be
/// empty unless delta, and the link in pg_tblspc points there. Without a new location the old one is used. When root
/// restores with owners, a folder on the way that the cluster's owner cannot go through is a warning in the log.
/// Errors: invalid_argument (a location that is relative or inside root), from begin precondition_failed (a server runs
///   in root, a location is not empty) and not_found (a mapping of no tablespace), and those of the targets made.
DRKIT_API Result<std::unique_ptr<RestoreTarget>> make_postgres_target(MakeRestoreTarget make, std::string root,
                                                                      PostgresRestoreOptions options = {});

}  // namespace drkit
