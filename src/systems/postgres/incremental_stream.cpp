#include "systems/postgres/incremental_stream.hpp"

#include <algorithm>

#include "systems/postgres/backup_manifest.hpp"
#include "systems/postgres/incremental_file.hpp"
#include "systems/postgres/page.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr int kFirstVersion = 170000;
constexpr std::uint64_t kMaxManifestBytes = 256 << 20;
constexpr const char* kServerStarted =
    "SELECT (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) OPERATOR(pg_catalog.*) "
    "1000000)::pg_catalog.int8";
constexpr std::string_view kLabel = "backup_label";

std::string value_of(const SourceReceipt& receipt, const std::string& key) {
  const auto found = receipt.find(key);
  return found == receipt.end() ? std::string() : found->second;
}

}  // namespace

Result<std::string> why_no_summaries(const Context& ctx, Connection& connection) {
  if (connection.server_version() < kFirstVersion) return std::string("the server is older than PostgreSQL 17");
  DRKIT_ASSIGN(const ResultPtr summarizes, connection.query(ctx, "SHOW summarize_wal"));
  if (field(summarizes, 0, 0) != "on") return std::string("summarize_wal is off");
  DRKIT_ASSIGN(const ResultPtr block, connection.query(ctx, "SHOW block_size"));
  return std::string(field(block, 0, 0) == std::to_string(kPageBytes) ? "" : "the server has pages of another size");
}

Result<std::string> run_of_server(const Context& ctx, const ConnectionParameters& parameters,
                                  std::chrono::milliseconds timeout) {
  ConnectionParameters overrides;
  const auto names_database = [](const auto& item) { return item.first == "dbname" && !item.second.empty(); };
  if (std::none_of(parameters.begin(), parameters.end(), names_database)) overrides.emplace_back("dbname", "postgres");
  auto connection = Connection::open(ctx, parameters, overrides, timeout);
  auto row = connection.ok() ? (*connection)->query(ctx, kServerStarted) : Result<ResultPtr>(connection.error());
  if (row.ok()) return field(*row, 0, 0);
  if (row.error().code() == ErrorCode::cancelled) return std::move(row).error();
  ctx.write_log(LogLevel::info, "the server's start is not known: " + row.error().to_string());
  return std::string();
}

Result<std::optional<EarlierBackup>> take_earlier(const EarlierSnapshot& earlier, const std::string& system_id,
                                                  const std::string& server_started, std::string& why) {
  const std::optional<EarlierBackup> none;
  if (value_of(earlier.receipt, "system_id") != system_id) {
    why = "the earlier snapshot is another cluster's";
    return none;
  }
  if (server_started.empty()) {
    why = "the role may not connect to a database, so whether the server was started anew is not known";
    return none;
  }
  if (value_of(earlier.receipt, "server_started") != server_started) {
    why = "the server was started anew since the earlier snapshot";
    return none;
  }
  // Its damage would go on into a snapshot that does not speak of it.
  if (!earlier.problems.empty()) {
    why = "the earlier snapshot is damaged in parts";
    return none;
  }
  auto text = earlier.read("backup_manifest", kMaxManifestBytes);
  if (!text.ok() && text.error().code() == ErrorCode::cancelled) return std::move(text).error();
  if (!text.ok() || !*text) {
    why = "the manifest of the earlier snapshot cannot be read";
    return none;
  }
  return std::optional<EarlierBackup>({std::string(as_text(**text)), value_of(earlier.receipt, "start_lsn")});
}

Result<void> upload_manifest(const Context& ctx, Connection& connection, const std::string& manifest) {
  DRKIT_TRY(connection.send(ctx, "UPLOAD_MANIFEST"));
  DRKIT_ASSIGN(const ResultPtr ready, connection.next_result(ctx));
  if (ready == nullptr || PQresultStatus(ready.get()) != PGRES_COPY_IN) {
    return Error(ErrorCode::io, "the server did not answer as the backup protocol says");
  }
  DRKIT_TRY(connection.copy_in(ctx, as_bytes(manifest)));
  for (;;) {
    DRKIT_ASSIGN(const ResultPtr result, connection.next_result(ctx));
    if (result == nullptr) return {};
  }
}

void CompleteManifest::add(const Entry& entry, std::optional<std::uint32_t> crc32c) {
  seen_[entry.path] = {entry.size_bytes, entry.mtime_ns, crc32c};
}

Result<ManifestWriter> CompleteManifest::make(std::string_view server_manifest, int server_version,
                                              const std::string& system_id) {
  std::vector<ManifestLine> lines;
  const auto take = [&](const ManifestFile& file) -> Result<void> {
    const auto whole = whole_path(file.path);
    const auto seen = seen_.find(whole.value_or(file.path));
    if (seen == seen_.end()) {
      return Error(ErrorCode::corrupt, "the server's manifest names a file that it did not send")
          .with("path", file.path);
    }
    // Of a file that was put together nobody saw every byte.
    const auto& [size, mtime, crc] = seen->second;
    lines.push_back({seen->first, size, mtime, whole ? std::nullopt : file.path == kLabel ? crc : crc32c_of(file)});
    return {};
  };
  DRKIT_ASSIGN(const ManifestFacts facts, read_backup_manifest(server_manifest, take));
  if (facts.wal_ranges.empty()) return Error(ErrorCode::corrupt, "the server's manifest names no WAL");
  seen_.clear();
  return ManifestWriter(server_version, system_id, std::move(lines), facts.wal_ranges);
}

}  // namespace drkit::systems::postgres
