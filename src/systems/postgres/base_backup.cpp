#include "systems/postgres/base_backup.hpp"

#include <charconv>

namespace drkit::systems::postgres {
namespace {

constexpr std::uint32_t kMinRate = 32, kMaxRate = 1048576;

std::string quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c;
  }
  return result + "'";
}

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Error protocol_error(std::string message) { return Error(ErrorCode::io, std::move(message)); }

Result<ResultPtr> expect(Connection& connection, const Context& ctx, ExecStatusType status) {
  DRKIT_ASSIGN(ResultPtr result, connection.next_result(ctx));
  if (result == nullptr || PQresultStatus(result.get()) != status) {
    return protocol_error("the server did not answer as the backup protocol says");
  }
  return result;
}

}  // namespace

Result<std::string> base_backup_command(const PostgresOptions& options, bool incremental) {
  if (options.label.size() > 900 || options.label.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos) {
    return Error(ErrorCode::invalid_argument, "the label must be one line of at most 900 bytes");
  }
  const std::uint32_t rate = options.max_rate_kib;
  if (rate != 0 && (rate < kMinRate || rate > kMaxRate)) {
    return Error(ErrorCode::invalid_argument, "max_rate_kib must be 0 or from 32 to 1048576");
  }
  std::string command = "BASE_BACKUP (LABEL " + quoted(options.label) + ", PROGRESS, CHECKPOINT ";
  command += options.fast_checkpoint ? "'fast'" : "'spread'";
  // Without its WAL the backup is worth nothing until the archive has it; with it there is nothing to wait for.
  command += options.wal ? ", WAL, WAIT 0" : ", WAIT 1";
  command += ", MANIFEST 'yes', MANIFEST_CHECKSUMS 'CRC32C'";
  command += options.verify_checksums ? ", VERIFY_CHECKSUMS 1" : ", VERIFY_CHECKSUMS 0";
  if (incremental) command += ", INCREMENTAL";
  if (rate != 0) command += ", MAX_RATE " + std::to_string(rate);
  return command + ")";
}

Result<BackupStart> BaseBackup::begin(const Context& ctx, const PostgresOptions& options, bool incremental) {
  DRKIT_ASSIGN(const std::string command, base_backup_command(options, incremental));
  BackupStart start;
  DRKIT_ASSIGN(const ResultPtr system, connection_->query(ctx, "IDENTIFY_SYSTEM"));
  start.system_id = field(system, 0, 0);
  DRKIT_TRY(connection_->send(ctx, command));
  DRKIT_ASSIGN(const ResultPtr position, expect(*connection_, ctx, PGRES_TUPLES_OK));
  start.start_lsn = field(position, 0, 0);
  start.timeline = field(position, 0, 1);
  DRKIT_ASSIGN(const ResultPtr spaces, expect(*connection_, ctx, PGRES_TUPLES_OK));
  for (int row = 0; row < PQntuples(spaces.get()); ++row) {
    start.total_bytes += number(field(spaces, row, 2)) * 1024;
    if (PQgetisnull(spaces.get(), row, 0) == 0) {
      start.tablespaces.push_back({field(spaces, row, 0), field(spaces, row, 1)});
    }
  }
  DRKIT_ASSIGN(const ResultPtr copy, expect(*connection_, ctx, PGRES_COPY_OUT));
  return start;
}

Result<BackupMessage> BaseBackup::next(const Context& ctx) {
  while (!copy_ended_) {
    DRKIT_ASSIGN(message_, connection_->next_copy(ctx));
    if (message_.at_end()) {
      DRKIT_TRY(read_end(ctx));
      break;
    }
    const ByteView body = message_.view().subspan(1);
    switch (*message_.bytes) {
      case 'd':
        return BackupMessage{BackupMessage::Kind::data, {}, body};
      case 'n': {
        const std::string_view text = as_text(body);
        return BackupMessage{BackupMessage::Kind::archive, std::string(text.substr(0, text.find('\0'))), {}};
      }
      case 'm':
        return BackupMessage{BackupMessage::Kind::manifest, {}, {}};
      case 'p':
        break;
      default:
        return protocol_error("the server sent a backup message of an unknown kind");
    }
  }
  return BackupMessage{};
}

// The copy also ends when the server gives up: its error comes in the results that follow.
Result<void> BaseBackup::read_end(const Context& ctx) {
  for (;;) {
    DRKIT_ASSIGN(const ResultPtr result, connection_->next_result(ctx));
    if (result == nullptr) break;
    if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) {
      end_.end_lsn = field(result, 0, 0);
      end_.timeline = field(result, 0, 1);
    }
  }
  copy_ended_ = true;
  if (end_.end_lsn.empty()) return protocol_error("the server did not say where the backup ended");
  return {};
}

Result<BackupEnd> BaseBackup::finish() const {
  if (!copy_ended_) return Error(ErrorCode::precondition_failed, "the backup was not read to its end");
  return end_;
}

}  // namespace drkit::systems::postgres
