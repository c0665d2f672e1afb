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
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace drkit::test;
using drkit::testing::new_repository;
using drkit::testing::words;
namespace fs = std::filesystem;

namespace {

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
  for (const auto& item : streamed->receipt) {
    if (item.first != "full_because") CHECK_MESSAGE(local->receipt.contains(item.first), item.first);
  }
  CHECK(local->receipt.at("system_id") == streamed->receipt.at("system_id"));
  CHECK(local->receipt.at("timeline") == "1");
  CHECK(std::stoull(local->receipt.at("pages_checked")) > 2000);
  CHECK(local->entries.back().path == "backup_manifest");
  const std::string checksum = local->receipt.at("manifest_checksum");
  CHECK(checksum.size() == 64);
  CHECK(read_file(folder / "local" / "backup_manifest").find(checksum) != std::string::npos);
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
  Repository repository = new_repository(ctx);
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
  CHECK(second->stats.bytes > 45'000'000);
  PostgresRestoreOptions to;
  to.all_tablespaces_under = (folder / "spaces").string();
  auto target = make_postgres_target([](std::string root) { return make_filesystem_target(std::move(root)); },
                                     (folder / "copy").string(), to);
  REQUIRE(target.ok());
  const auto restored = restore(ctx, repository, *second, **target);
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  give_to_server_account(folder / "spaces");
  const std::string oid = sql(server.conninfo(), "SELECT oid FROM pg_tablespace WHERE spcname = 'elsewhere'");
  const std::string map = oid + " " + (folder / "space").string() + "\n";
  SUBCASE("as it is") {}
  SUBCASE("beside a map of the original's places") { std::ofstream(folder / "copy" / "tablespace_map") << map; }
  CHECK(read_file(folder / "copy" / "backup_manifest").find("tablespace_map") == std::string::npos);
  // What the copy does with its tables must not reach the original's files.
  sql(server.conninfo(), "INSERT INTO far SELECT 0, 'of the original'");
  sql(server.conninfo(), "CHECKPOINT");
  const fs::path original = server.data() / sql(server.conninfo(), "SELECT pg_relation_filepath('far')");
  const std::string before = read_file(original);
  check_boots(server, folder / "copy", {"SELECT '" + rows + "' = (" + kRows + ")", "SELECT count(*) = 20000 FROM far"});
  CHECK(fs::read_symlink(folder / "copy" / "pg_tblspc" / oid) == folder / "spaces" / oid);
  CHECK(read_file(original) == before);
}

TEST_CASE("a damaged page makes the snapshot partial and is named with file and block") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 10000);
  const std::string file = sql(server.conninfo(), "SELECT pg_relation_filepath('big')");
  sql(server.conninfo(), "CHECKPOINT");
  {
    std::fstream stream(server.data() / file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(3 * 8192 + 5000);
    stream.put('\x5a');
    // A position in the log that the server never reached does not make damage a page that recovery replaces.
    stream.seekp(7 * 8192);
    stream.write("\xff\xff\xff\x7f\xff\xff\xff\x7f", 8);
  }
  Context ctx;
  Repository repository = new_repository(ctx);
  const auto snapshot = backup(ctx, repository, *source_of(server.conninfo()));
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  CHECK(snapshot->status == Status::partial);
  REQUIRE(snapshot->problems.size() == 1);
  CHECK(snapshot->problems[0].path == file);
  CHECK(snapshot->problems[0].code == ErrorCode::corrupt);
  CHECK(snapshot->problems[0].message == "bad page checksum in blocks 3, 7");
  PostgresOptions lax = local_options();
  lax.verify_checksums = false;
  const auto unchecked = backup(ctx, repository, *source_of(server.conninfo(), lax));
  REQUIRE_MESSAGE(unchecked.ok(), words(unchecked));
  CHECK(unchecked->status == Status::complete);
}

TEST_CASE("a server that is killed in the middle of a local backup fails it") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 100000);
  PostgresOptions slow = local_options();
  slow.max_rate_kib = 16 * 1024;
  Context ctx;
  Repository repository = new_repository(ctx);
  const int pid = postmaster_pid(server.data());
  std::thread killer([pid] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    ::kill(pid, SIGQUIT);
  });
  const auto failed = backup(ctx, repository, *source_of(server.conninfo(), slow));
  killer.join();
  REQUIRE_FALSE(failed.ok());
  CHECK_MESSAGE(failed.error().code() == ErrorCode::unavailable, words(failed));
  const auto snapshots = repository.snapshots(ctx);
  REQUIRE(snapshots.ok());
  CHECK(snapshots->empty());
}

TEST_CASE("cancelling a local backup is answered soon and the server forgets it") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 50000);
  PostgresOptions slow = local_options();
  slow.max_rate_kib = 1024;
  Context ctx;
  Repository repository = new_repository(ctx);
  std::chrono::steady_clock::time_point asked;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    asked = std::chrono::steady_clock::now();
    ctx.cancel.cancel();
  });
  const auto failed = backup(ctx, repository, *source_of(server.conninfo(), slow));
  const auto answered = std::chrono::steady_clock::now() - asked;
  canceller.join();
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code() == ErrorCode::cancelled);
  CHECK(answered < std::chrono::seconds(1));
  std::string left = "1";
  for (int i = 0; i < 100 && left != "0"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    left = sql(server.conninfo(), "SELECT count(*) FROM pg_replication_slots");
  }
  CHECK(left == "0");
}

TEST_CASE("a directory that is not the server's is refused, and automatic mode streams then") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Server other(15, folder / "other");
  Context ctx;
  PostgresOptions options = local_options();
  options.data_directory = other.data().string();
  const auto wrong = source_of(server.conninfo(), options)->begin(ctx);
  REQUIRE_FALSE(wrong.ok());
  CHECK_MESSAGE(wrong.error().code() == ErrorCode::precondition_failed, words(wrong));
  options.mode = PostgresMode::automatic;
  const auto streamed = save_begun(ctx, server.conninfo(), folder / "streamed", options);
  REQUIRE_MESSAGE(streamed.ok(), words(streamed));
  CHECK(streamed->receipt.at("mode") == "stream");
  SUBCASE("a role with little is streamed too, and refused when local is demanded") {
    sql(server.conninfo(), "CREATE ROLE copier LOGIN REPLICATION");
    const auto refused = source_of(server.conninfo() + " user=copier")->begin(ctx);
    REQUIRE_FALSE(refused.ok());
    CHECK_MESSAGE(refused.error().code() == ErrorCode::permission_denied, words(refused));
    sql(server.conninfo(), "GRANT pg_read_all_settings TO copier");
    CHECK(source_of(server.conninfo() + " user=copier")->begin(ctx).error().code() == ErrorCode::permission_denied);
    sql(server.conninfo(),
        "GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean) TO copier");
    const auto granted = save_begun(ctx, server.conninfo() + " user=copier", folder / "granted");
    REQUIRE_MESSAGE(granted.ok(), words(granted));
    verify(folder / "granted");
  }
}

TEST_CASE("a standby is backed up locally and its copy starts") {
  TemporaryFolder folder;
  Server primary(15, folder / "primary");
  make_big(primary, 5000);
  sql(primary.conninfo(), "CREATE TABLE commits (n bigint)");
  Server standby(folder / "standby", primary);
  Context ctx;
  SUBCASE("while the primary works") {
    Result<Saved> saved = Error(ErrorCode::internal, "not run");
    {
      const Load load(primary.conninfo());
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      saved = save_begun(ctx, standby.conninfo(), folder / "copy");
    }
    REQUIRE_MESSAGE(saved.ok(), words(saved));
    CHECK(saved->receipt.at("backup_from") == "standby");
    verify(folder / "copy");
    check_boots(primary, folder / "copy", {"SELECT count(*) = 5000 FROM big", "SELECT count(*) = max(n) FROM commits"});
  }
  SUBCASE("a promotion in between fails it") {
    const auto source = source_of(standby.conninfo());
    REQUIRE(source->begin(ctx).ok());
    sql(standby.conninfo(), "SELECT pg_promote()");
    const auto saved = save(ctx, *source, folder / "promoted");
    REQUIRE_FALSE(saved.ok());
    CHECK_MESSAGE(saved.error().code() == ErrorCode::precondition_failed, words(saved));
  }
}

TEST_CASE("WAL that the server has recycled fails the backup") {
  TemporaryFolder folder;
  // No slot can be had, and nothing else holds WAL back.
  Server server(15, folder / "server", {"max_replication_slots=0", "max_wal_size=32MB", "wal_keep_size=0"});
  make_big(server, 2000);
  Context ctx;
  const auto source = source_of(server.conninfo());
  const auto begun = source->begin(ctx);
  REQUIRE_MESSAGE(begun.ok(), words(begun));
  for (int i = 0; i < 4; ++i) {
    sql(server.conninfo(), "SELECT pg_switch_wal()");
    sql(server.conninfo(), "UPDATE big SET i = i");
    sql(server.conninfo(), "CHECKPOINT");
  }
  const auto saved = save(ctx, *source, folder / "copy");
  REQUIRE_FALSE(saved.ok());
  CHECK_MESSAGE(saved.error().code() == ErrorCode::precondition_failed, words(saved));
  CHECK(words(saved).find("WAL segment") != std::string::npos);
}
