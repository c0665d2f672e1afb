#include "systems/postgres/local_session.hpp"

#include <charconv>

#include <unistd.h>

namespace drkit::systems::postgres {
namespace {

constexpr int kOldestVersion = 150000, kNewestVersion = 189999;

template <class Number>
Number number(const std::string& text, int base = 10) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::string quoted(std::string_view text) {
  std::string result = "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += c;
    result += c;
  }
  return result + "'";
}

bool has_key(const ConnectionParameters& parameters, std::string_view key) {
  for (const auto& [name, value] : parameters) {
    if (name == key && !value.empty()) return true;
  }
  return false;
}

// The session waits while files are read: nothing may end it for being idle. An empty search_path keeps functions of
// the same name in other schemas out.
constexpr const char* kPrepareSession =
    "SELECT pg_catalog.set_config(name, value, false) FROM (VALUES ('idle_session_timeout', '0'), "
    "('statement_timeout', '0'), ('lock_timeout', '0'), ('search_path', ''), ('DateStyle', 'ISO'), "
    "('client_encoding', 'SQL_ASCII')) AS settings (name, value)";

constexpr const char* kFacts =
    "SELECT (SELECT system_identifier FROM pg_control_system()), current_setting('data_directory'), "
    "current_setting('port'), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, "
    "pg_is_in_recovery()::int, "
    "(current_setting('data_checksums') = 'on' OR current_setting('wal_log_hints') = 'on')::int, "
    "(SELECT bytes_per_wal_segment FROM pg_control_init()), "
    "(has_function_privilege('pg_backup_start(text, boolean)', 'execute') AND "
    "has_function_privilege('pg_backup_stop(boolean)', 'execute'))::int";

}  // namespace

Result<void> check_server_version(const Connection& connection) {
  const int version = connection.server_version();
  if (version >= kOldestVersion && version <= kNewestVersion) return {};
  const bool old = version < kOldestVersion;
  return Error(old ? ErrorCode::unsupported : ErrorCode::version_unsupported,
               old ? "the server is older than PostgreSQL 15" : "the server is newer than PostgreSQL 18")
      .with("server_version", connection.parameter("server_version"));
}

Result<std::unique_ptr<LocalSession>> LocalSession::open(const Context& ctx, const ConnectionParameters& parameters,
                                                         const PostgresOptions& options) {
  ConnectionParameters overrides;
  if (!has_key(parameters, "dbname")) overrides.emplace_back("dbname", "postgres");
  DRKIT_ASSIGN(auto connection, Connection::open(ctx, parameters, overrides, options.connect_timeout));
  DRKIT_TRY(check_server_version(*connection));
  std::unique_ptr<LocalSession> session(new LocalSession(std::move(connection)));
  DRKIT_TRY(session->connection_->query(ctx, kPrepareSession));
  DRKIT_TRY(session->load_facts(ctx));
  return session;
}

Result<void> LocalSession::load_facts(const Context& ctx) {
  DRKIT_ASSIGN(const ResultPtr row, connection_->query(ctx, kFacts));
  facts_.system_id = field(row, 0, 0);
  facts_.data_directory = field(row, 0, 1);
  facts_.port = field(row, 0, 2);
  facts_.started_us = number<std::int64_t>(field(row, 0, 3));
  facts_.in_recovery = field(row, 0, 4) == "1";
  facts_.hints_logged = field(row, 0, 5) == "1";
  facts_.wal_segment_bytes = number<std::uint64_t>(field(row, 0, 6));
  facts_.may_back_up = field(row, 0, 7) == "1";
  if (is_wal_segment_size(facts_.wal_segment_bytes)) return {};
  return Error(ErrorCode::io, "the server did not tell the size of its WAL segments");
}

Result<bool> LocalSession::hold_wal(const Context& ctx) {
  const std::string name = "drkit_" + std::to_string(::getpid()) + "_" + std::to_string(ctx.clock->wall_ns());
  const auto made =
      connection_->query(ctx, "SELECT 1 FROM pg_create_physical_replication_slot('" + name + "', true, true)");
  if (made.ok()) return true;
  if (made.error().code() == ErrorCode::cancelled) return made.error();
  DRKIT_TRY(connection_->check_alive(ctx));
  ctx.write_log(LogLevel::warning, "no replication slot to hold WAL for the backup: " + made.error().to_string());
  return false;
}

Result<Lsn> LocalSession::start(const Context& ctx, const PostgresOptions& options) {
  const std::string fast = options.fast_checkpoint ? "true" : "false";
  DRKIT_ASSIGN(const ResultPtr row,
               connection_->query(ctx, "SELECT pg_backup_start(" + quoted(options.label) + ", " + fast + ")"));
  return parse_lsn(field(row, 0, 0));
}

Result<StopFacts> LocalSession::stop(const Context& ctx, bool wait_for_archive) {
  const std::string wait = wait_for_archive ? "true" : "false";
  DRKIT_ASSIGN(const ResultPtr row, connection_->query(ctx, "SELECT lsn, labelfile FROM pg_backup_stop(" + wait + ")"));
  StopFacts facts;
  DRKIT_ASSIGN(facts.lsn, parse_lsn(field(row, 0, 0)));
  facts.label = field(row, 0, 1);
  return facts;
}

Result<CheckpointFacts> LocalSession::checkpoint(const Context& ctx) {
  DRKIT_ASSIGN(const ResultPtr row, connection_->query(ctx,
                                                       "SELECT checkpoint_lsn, redo_lsn, timeline_id FROM "
                                                       "pg_control_checkpoint()"));
  CheckpointFacts facts;
  DRKIT_ASSIGN(facts.checkpoint, parse_lsn(field(row, 0, 0)));
  DRKIT_ASSIGN(facts.redo, parse_lsn(field(row, 0, 1)));
  facts.timeline = number<TimelineId>(field(row, 0, 2));
  return facts;
}

// A primary tells by the name of the segment that it writes; a standby by the least point that recovery must reach,
// which follows the pages that it wrote.
Result<TimelineId> LocalSession::current_timeline(const Context& ctx) {
  const bool standby = facts_.in_recovery;
  const std::string expression =
      standby ? "(SELECT min_recovery_end_timeline FROM pg_control_recovery())::text"
              : "CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END";
  DRKIT_ASSIGN(const ResultPtr row, connection_->query(ctx, "SELECT pg_is_in_recovery()::int, " + expression));
  if ((field(row, 0, 0) == "1") != standby) {
    return Error(ErrorCode::precondition_failed, "the standby was promoted while it was backed up");
  }
  return number<TimelineId>(field(row, 0, 1), standby ? 10 : 16);
}

}  // namespace drkit::systems::postgres
