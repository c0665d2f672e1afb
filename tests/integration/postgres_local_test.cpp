#include <doctest/doctest.h>

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>
#include <drkit/sources.hpp>
#include <drkit/storage.hpp>

#include "integration/postgres_support.hpp"

using namespace drkit;
using namespace drkit::test;
namespace fs = std::filesystem;

namespace {

template <class T>
std::string words(const Result<T>& result) {
  return result.ok() ? "" : result.error().to_string();
}

PostgresOptions local_options() {
  PostgresOptions options;
  options.mode = PostgresMode::local;
  return options;
}

std::unique_ptr<Source> source_of(const std::string& conninfo, const PostgresOptions& options = local_options()) {
  auto source = make_postgres_source(conninfo, options);
  REQUIRE(source.ok());
  return std::move(*source);
}

Result<Saved> save_begun(const Context& ctx, const std::string& conninfo, const fs::path& root,
                         const PostgresOptions& options = local_options()) {
  const auto source = source_of(conninfo, options);
  DRKIT_TRY(source->begin(ctx));
  return save(ctx, *source, root);
}

std::set<std::string> paths_of(const Saved& saved) {
  std::set<std::string> paths;
  for (const Entry& entry : saved.entries) paths.insert(entry.path);
  return paths;
}

void verify(const fs::path& copy) { shell("/usr/lib/postgresql/15/bin/pg_verifybackup -q '" + copy.string() + "'"); }

constexpr const char* kRows = "SELECT md5(string_agg(big::text, ',' ORDER BY i)) FROM big";

void make_big(const Server& server, int rows) {
  sql(server.conninfo(), "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 5) AS t FROM generate_series(1, " +
                             std::to_string(rows) + ") i");
}

/// Starts the copy and asks it the questions, each of which must be true.
PostgresBootReport boot(const Server& server, const fs::path& copy, const std::vector<std::string>& questions) {
  give_to_server_account(copy);
  ::chmod(copy.c_str(), 0700);
  PostgresBootOptions options;
  options.bin_dir = server.bin();
  if (!server.lib().empty()) options.environment["LD_LIBRARY_PATH"] = server.lib();
  for (const std::string& question : questions) options.queries.push_back({question});
  const auto report = boot_postgres(Context(), copy.string(), options);
  REQUIRE_MESSAGE(report.ok(), words(report));
  return *report;
}

void check_boots(const Server& server, const fs::path& copy, const std::vector<std::string>& questions) {
  const PostgresBootReport report = boot(server, copy, questions);
  CHECK_MESSAGE(report.ready, report.log_tail);
  for (const PostgresBootCheck& check : report.checks) CHECK_MESSAGE(check.ok, check.name, ": ", check.output);
}

/// Keeps changing and dropping tables until the end of its life.
class Load {
 public:
  explicit Load(std::string conninfo) : conninfo_(std::move(conninfo)), thread_([this] { run(); }) {}
  ~Load() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run() {
    for (int round = 0; !stop_; ++round) {
      const std::string name = "short_lived_" + std::to_string(round % 7);
      try {
        sql(conninfo_, "UPDATE big SET t = t || 'x' WHERE i % 50 = " + std::to_string(round % 50));
        sql(conninfo_, "CREATE TABLE IF NOT EXISTS " + name + " AS SELECT * FROM big WHERE i % 10 = 0");
        sql(conninfo_, "INSERT INTO commits SELECT coalesce(max(n), 0) + 1 FROM commits");
        if (round % 3 == 0) sql(conninfo_, "TRUNCATE " + name);
        if (round % 3 == 1) sql(conninfo_, "DROP TABLE " + name);
        if (round % 5 == 0) sql(conninfo_, "CHECKPOINT");
        if (round % 11 == 0) sql(conninfo_, "VACUUM big");
      } catch (const std::exception&) {
        if (!stop_) ++failures_;
      }
    }
  }

  std::string conninfo_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> failures_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("read locally, a cluster comes out as the server itself would send it") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 2000);
  sql(server.conninfo(), "CREATE UNLOGGED TABLE volatile_rows AS SELECT * FROM big");
  const std::string unlogged = sql(server.conninfo(), "SELECT pg_relation_filepath('volatile_rows')");
  std::ofstream(server.data() / "base" / "pgsql_tmp4711.0") << "spill";
  std::ofstream(server.data() / "base" / "1" / "t3_99999") << "of one session";
  std::ofstream(server.data() / "backup_label.old") << "old";
  const Context ctx;
  const auto local = save_begun(ctx, server.conninfo(), folder / "local");
  REQUIRE_MESSAGE(local.ok(), words(local));
  PostgresOptions streaming;
  streaming.mode = PostgresMode::stream;
  const auto streamed = save_begun(ctx, server.conninfo(), folder / "streamed", streaming);
  REQUIRE_MESSAGE(streamed.ok(), words(streamed));
  std::set<std::string> here = paths_of(*local), there = paths_of(*streamed);
  const auto is_wal = [](const std::string& path) { return path.starts_with("pg_wal/0") || path.ends_with(".done"); };
  std::erase_if(here, is_wal);
  std::erase_if(there, is_wal);
  there.erase("backup_label.old");
  CHECK(here == there);
  CHECK(here.contains(unlogged + "_init"));
  CHECK_FALSE(here.contains(unlogged));
  CHECK(local->receipt.at("mode") == "local");
  CHECK(streamed->receipt.at("mode") == "stream");
  for (const auto& [key, value] : streamed->receipt) CHECK_MESSAGE(local->receipt.contains(key), key);
  CHECK(local->receipt.at("system_id") == streamed->receipt.at("system_id"));
  CHECK(local->receipt.at("timeline") == "1");
  CHECK(std::stoull(local->receipt.at("pages_checked")) > 2000);
  CHECK(local->entries.back().path == "backup_manifest");
  verify(folder / "local");
  check_boots(server, folder / "local", {"SELECT count(*) = 2000 FROM big", "SELECT count(*) = 0 FROM volatile_rows"});
}

TEST_CASE("a cluster under load is copied whole, whatever is dropped and cut meanwhile") {
  for (const int major : {15, 17}) {
    CAPTURE(major);
    TemporaryFolder folder;
    Server server(major, folder / "server", {"max_wal_size=64MB"});
    make_big(server, 30000);
    sql(server.conninfo(), "CREATE TABLE commits (n bigint)");
    const Context ctx;
    std::string before;
    Result<Saved> saved = Error(ErrorCode::internal, "not run");
    {
      const Load load(server.conninfo());
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      PostgresOptions slow = local_options();
      slow.max_rate_kib = 24 * 1024;  // a second or two, so that the load has its chance
      before = sql(server.conninfo(), "SELECT max(n) FROM commits");
      saved = save_begun(ctx, server.conninfo(), folder / "copy", slow);
    }
    REQUIRE_MESSAGE(saved.ok(), words(saved));
    if (major == 15) verify(folder / "copy");
    const std::string later = sql(server.conninfo(), "SELECT max(n) FROM commits");
    CHECK(std::stoll(later) > std::stoll(before));
    check_boots(server, folder / "copy",
                {"SELECT count(*) = 30000 FROM big",
                 "SELECT max(n) BETWEEN " + before + " AND " + later + " AND max(n) = count(*) FROM commits"});
  }
}

TEST_CASE("a local backup restores to the same rows, tablespaces too, and shares its chunks with a stream") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  fs::create_directories(folder / "space");
  give_to_server_account(folder / "space");
  sql(server.conninfo(), "CREATE TABLESPACE elsewhere LOCATION '" + (folder / "space").string() + "'");
  make_big(server, 20000);
  sql(server.conninfo(), "CREATE TABLE far TABLESPACE elsewhere AS SELECT * FROM big");
  const std::string rows = sql(server.conninfo(), kRows);
  fs::create_directories(folder / "space" / "PG_9_200000000");  // another version shares the place
  Context ctx;
  CreateOptions creating;
  creating.passwords.push_back(Secret::from_text("pw"));
  creating.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto created = Repository::create(ctx, make_memory_storage(), std::move(creating));
  REQUIRE_MESSAGE(created.ok(), words(created));
  Repository& repository = *created;
  PostgresOptions streaming;
  streaming.mode = PostgresMode::stream;
  const auto first = backup(ctx, repository, *source_of(server.conninfo(), streaming));
  REQUIRE_MESSAGE(first.ok(), words(first));
  const auto second = backup(ctx, repository, *source_of(server.conninfo(), {}));
  REQUIRE_MESSAGE(second.ok(), words(second));
  CHECK(second->receipt.at("mode") == "local");
  CHECK(second->status == Status::complete);
  // WAL, labels, statistics and the manifest are new; data files are not.
  CHECK(second->stats.bytes_new < 36'000'000);
  CHECK(second->stats.bytes > 50'000'000);
  PostgresRestoreOptions to;
  to.all_tablespaces_under = (folder / "spaces").string();
  auto target = make_postgres_target([](std::string root) { return make_filesystem_target(std::move(root)); },
                                     (folder / "copy").string(), to);
  REQUIRE(target.ok());
  const auto restored = restore(ctx, repository, *second, **target);
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  give_to_server_account(folder / "spaces");
  check_boots(server, folder / "copy", {"SELECT '" + rows + "' = (" + kRows + ")", "SELECT count(*) = 20000 FROM far"});
}
