#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <drkit/backup.hpp>
#include <drkit/check.hpp>
#include <drkit/registry.hpp>
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

Snapshot back_up(const Context& ctx, Repository& repository, const Server& server) {
  PostgresOptions options;
  options.mode = PostgresMode::local;
  auto source = make_postgres_source(server.conninfo(), options);
  REQUIRE(source.ok());
  const auto snapshot = backup(ctx, repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  CHECK(snapshot->status == Status::complete);
  return *snapshot;
}

constexpr const char* kTables[] = {"accounts", "cut", "young"};

std::string digest_of(const std::string& table) {
  return "SELECT coalesce(md5(string_agg(t::text, ',' ORDER BY i)), '') FROM " + table + " t";
}

std::vector<std::string> facts_of(const Server& server) {
  std::vector<std::string> questions;
  for (const std::string table : kTables) {
    questions.push_back("SELECT '" + sql(server.conninfo(), digest_of(table)) + "' = (" + digest_of(table) + ")");
  }
  return questions;
}

void check_restores(const Context& ctx, Repository& repository, const Snapshot& snapshot, const Server& server,
                    const fs::path& copy, const std::vector<std::string>& questions, int major) {
  auto target = open_target(ctx, copy.string(), snapshot, {});
  REQUIRE(target.ok());
  const auto restored = restore(ctx, repository, snapshot, **target);
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  if (major == 15) shell("/usr/lib/postgresql/15/bin/pg_verifybackup -q '" + copy.string() + "'");
  give_to_server_account(copy);
  ::chmod(copy.c_str(), 0700);
  PostgresBootOptions options;
  options.bin_dir = server.bin();
  if (!server.lib().empty()) options.environment["LD_LIBRARY_PATH"] = server.lib();
  for (const std::string& question : questions) options.queries.push_back({question});
  const auto report = boot_postgres(ctx, copy.string(), options);
  REQUIRE_MESSAGE(report.ok(), words(report));
  CHECK_MESSAGE(report->ready, report->log_tail);
  for (const PostgresBootCheck& check : report->checks) CHECK_MESSAGE(check.ok, check.name, ": ", check.output);
}

void make_tables(const std::string& at) {
  sql(at, "CREATE TABLE accounts (i int PRIMARY KEY, v bigint, filler char(80)) WITH (fillfactor = 90)");
  sql(at, "INSERT INTO accounts SELECT i, 0, 'x' FROM generate_series(1, 100000) i");
  sql(at, "CREATE TABLE cut AS SELECT i, repeat('c', 500) AS t FROM generate_series(1, 20000) i");
  sql(at, "CREATE TABLE young (i int)");
  sql(at, "CREATE TABLE still AS SELECT i, md5(i::text) FROM generate_series(1, 100000) i");
  sql(at, "VACUUM FREEZE");
}

void change(const std::string& at, int round) {
  // Scattered: about one page in ten.
  sql(at, "UPDATE accounts SET v = v + 1 WHERE i % 600 = " + std::to_string(round * 7));
  // Pages are cut off, and come back with other rows or empty.
  sql(at, "DELETE FROM cut WHERE ctid >= '(" + std::to_string(900 - 200 * round) + ",0)'");
  sql(at, "VACUUM (TRUNCATE) cut");
  sql(at, "INSERT INTO cut SELECT i, repeat('d', 500) FROM generate_series(1, 3000) i");
  sql(at, "DROP TABLE young");
  sql(at, "CREATE TABLE young AS SELECT i FROM generate_series(1, " + std::to_string(5000 * (round + 1)) + ") i");
  sql(at, "CREATE INDEX ON young (i)");
}

}  // namespace

TEST_CASE("incremental for ever: changed pages alone are stored, and every snapshot is a whole cluster") {
  for (const int major : {15, 17}) {
    CAPTURE(major);
    TemporaryFolder folder;
    Server server(major, folder / "server", {"autovacuum=off", "max_wal_size=1GB"});
    make_tables(server.conninfo());
    Context ctx;
    Repository repository = new_repository(ctx);
    std::vector<std::pair<Snapshot, std::vector<std::string>>> all;
    all.emplace_back(back_up(ctx, repository, server), facts_of(server));
    for (int round = 0; round < 3; ++round) {
      CAPTURE(round);
      change(server.conninfo(), round);
      all.emplace_back(back_up(ctx, repository, server), facts_of(server));
      const BackupStats& stats = all.back().first.stats;
      // The incremental way was taken: most files are not read at all, and of the table changed pages alone.
      CHECK(stats.files_unchanged > 700);
      CHECK(stats.bytes > 60'000'000);
      CHECK(stats.bytes_read < 45'000'000);
    }
    CheckOptions looking;
    looking.level = CheckLevel::files;
    const auto report = check(ctx, repository, &all.back().first, builtin_checks(), looking);
    REQUIRE_MESSAGE(report.ok(), words(report));
    CHECK(report->findings.empty());
    for (const std::size_t chosen : {std::size_t{1}, all.size() - 1}) {
      check_restores(ctx, repository, all[chosen].first, server, folder / ("copy" + std::to_string(chosen)),
                     all[chosen].second, major);
    }
  }
}

TEST_CASE("when nothing changed no data file is read") {
  TemporaryFolder folder;
  Server server(15, folder / "server", {"autovacuum=off"});
  make_tables(server.conninfo());
  Context ctx;
  Repository repository = new_repository(ctx);
  back_up(ctx, repository, server);
  const Snapshot again = back_up(ctx, repository, server);
  CHECK(again.stats.files_unchanged > 900);
  CHECK(again.stats.bytes_read < 20'000'000);  // a segment of WAL
  CHECK(again.stats.bytes_stored < 1'000'000);
}

namespace {

std::string receipt_of(const Snapshot& snapshot, const std::string& key) {
  const auto found = snapshot.receipt.find(key);
  return found == snapshot.receipt.end() ? std::string() : found->second;
}

std::string in_quotes(const std::string& text) { return "'" + text + "'"; }

}  // namespace

TEST_CASE("a data directory that was set back to an older copy is not taken for the one that was backed up since") {
  TemporaryFolder folder;
  Server server(15, folder / "server", {"autovacuum=off"});
  const std::string at = server.conninfo();
  sql(at, "CREATE TABLE story AS SELECT i, repeat('a', 100) AS t FROM generate_series(1, 60000) i");
  sql(at, "VACUUM FREEZE");
  server.stop();
  shell("cp -a " + in_quotes(server.data().string()) + " " + in_quotes((folder / "older").string()));
  server.start_again();
  // A branch of history that will be thrown away.
  sql(at, "UPDATE story SET t = repeat('b', 100) WHERE i <= 20000");
  sql(at, "CHECKPOINT");
  Context ctx;
  Repository repository = new_repository(ctx);
  const Snapshot thrown_away = back_up(ctx, repository, server);
  // Files keep their inodes, and those that a local backup left stay where they are.
  server.stop();
  shell("rm -r " + in_quotes((server.data() / "pg_wal").string()));
  shell("cp -a " + in_quotes((folder / "older").string()) + "/. " + in_quotes(server.data().string()));
  server.start_again();
  const std::string passed = "SELECT pg_current_wal_insert_lsn() > '" + thrown_away.receipt.at("end_lsn") + "'::pg_lsn";
  for (int round = 0; sql(at, passed) != "t"; ++round) {
    REQUIRE(round < 100);
    sql(at, "UPDATE story SET t = repeat('c', 100) WHERE i BETWEEN 50000 AND 52000");
    sql(at, "SELECT pg_switch_wal()");
  }
  const std::string rows = sql(at, digest_of("story"));
  const Snapshot kept = back_up(ctx, repository, server);
  CHECK(receipt_of(kept, "full_because") == "the server was started anew since");
  check_restores(ctx, repository, kept, server, folder / "copy",
                 {"SELECT '" + rows + "' = (" + digest_of("story") + ")"}, 15);
}

// A standby begins its backups at the newest checkpoint that came to it.
static void bring_checkpoint(const Server& primary, const Server& standby) {
  sql(primary.conninfo(), "CHECKPOINT");
  const std::string end = sql(primary.conninfo(), "SELECT pg_current_wal_lsn()");
  for (int i = 0; sql(standby.conninfo(), "SELECT pg_last_wal_replay_lsn() >= '" + end + "'") != "t"; ++i) {
    REQUIRE(i < 400);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  sql(standby.conninfo(), "CHECKPOINT");
}

TEST_CASE("pages are trusted when the directory holds the trail of the parent alone") {
  TemporaryFolder folder;
  Server primary(15, folder / "primary", {"autovacuum=off"});
  Server standby(folder / "standby", primary);
  Context ctx;
  for (const Server* server : {&primary, &standby}) {
    Repository repository = new_repository(ctx);
    const fs::path trail = server->data() / "pg_stat_tmp" / "drkit_trail";
    const Snapshot first = back_up(ctx, repository, *server);
    const std::string one = read_file(trail);
    CHECK(one == receipt_of(first, "trail_id") + "\n");
    bring_checkpoint(primary, standby);
    const Snapshot second = back_up(ctx, repository, *server);
    CHECK(receipt_of(second, "full_because").empty());
    CHECK(read_file(trail) == one + receipt_of(second, "trail_id") + "\n");
    // As a machine that is set back together with the memory of its server.
    std::ofstream(trail) << one;
    bring_checkpoint(primary, standby);
    const Snapshot third = back_up(ctx, repository, *server);
    CHECK(receipt_of(third, "full_because") == "the data directory does not hold the trail of the parent");
    // A directory where nothing can be written is backed up as ever.
    fs::remove(trail);
    fs::rename(trail.parent_path(), server->data() / "elsewhere");
    fs::create_symlink(server->data() / "elsewhere", trail.parent_path());
    bring_checkpoint(primary, standby);
    const Snapshot fourth = back_up(ctx, repository, *server);
    CHECK(receipt_of(fourth, "trail_id").empty());
    CHECK_FALSE(fs::exists(trail));
    fs::remove(trail.parent_path());
    fs::rename(server->data() / "elsewhere", trail.parent_path());
    bring_checkpoint(primary, standby);
    const Snapshot fifth = back_up(ctx, repository, *server);
    CHECK(receipt_of(fifth, "full_because") == "the parent could not leave its trail in the data directory");
  }
}

TEST_CASE("a log that was switched on before its segment was full is no lost one") {
  TemporaryFolder folder;
  Server primary(15, folder / "primary");
  sql(primary.conninfo(), "CREATE TABLE story (i int)");
  const Context ctx;
  const auto copy = [&](const Server& server, const auto& meanwhile) {
    PostgresOptions options;
    options.mode = PostgresMode::local;
    const auto source = make_postgres_source(server.conninfo(), options);
    REQUIRE(source.ok());
    REQUIRE((*source)->begin(ctx).ok());
    meanwhile();
    const auto saved = save(ctx, **source, folder / "copy");
    REQUIRE_MESSAGE(saved.ok(), words(saved));
  };
  SUBCASE("while the cluster is backed up") {
    copy(primary, [&] {
      for (int i = 0; i < 3; ++i) {
        sql(primary.conninfo(), "INSERT INTO story VALUES (1)");
        sql(primary.conninfo(), "SELECT pg_switch_wal()");
      }
    });
  }
  SUBCASE("on a standby to which nothing came since") {
    Server standby(folder / "standby", primary);
    sql(primary.conninfo(), "CHECKPOINT");
    sql(primary.conninfo(), "SELECT pg_switch_wal()");
    bring_checkpoint(primary, standby);
    sql(primary.conninfo(), "SELECT pg_switch_wal()");
    copy(standby, [] {});
  }
  // It reads the log, too.
  shell("/usr/lib/postgresql/15/bin/pg_verifybackup -q '" + (folder / "copy").string() + "'");
}

// A copy of files keeps the positions of their pages, and lies where the dropped files were, often under their inodes.
TEST_CASE("a database that was copied to the place of a dropped one comes back with its own rows") {
  TemporaryFolder folder;
  Server server(15, folder / "server", {"autovacuum=off"});
  const std::string at = server.conninfo();
  sql(at, "CREATE DATABASE first");
  sql(server.conninfo("first"), "CREATE TABLE rows (i int, t text)");
  sql(server.conninfo("first"), "INSERT INTO rows SELECT i, repeat('first', 20) FROM generate_series(1, 1500) i");
  sql(server.conninfo("first"), "VACUUM FREEZE");
  sql(at, "CREATE DATABASE second TEMPLATE first");
  sql(server.conninfo("second"), "UPDATE rows SET t = repeat('other', 20)");
  sql(server.conninfo("second"), "VACUUM FREEZE");
  sql(at, "CREATE DATABASE place OID 60000 TEMPLATE first STRATEGY file_copy");
  const fs::path table = server.data() / sql(server.conninfo("place"), "SELECT pg_relation_filepath('rows')");
  const auto inode = [&table] {
    struct stat status {};
    REQUIRE(::stat(table.c_str(), &status) == 0);
    return status.st_ino;
  };
  // A file that is younger than the clock's tick is not compared by pages anyhow.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  Context ctx;
  Repository repository = new_repository(ctx);
  back_up(ctx, repository, server);
  const ino_t before = inode();
  bool same = false;
  for (int attempt = 0; attempt < 20 && !same; ++attempt) {
    sql(at, "DROP DATABASE place");
    sql(at, "CREATE DATABASE place OID 60000 TEMPLATE second STRATEGY file_copy");
    same = inode() == before;
  }
  MESSAGE("the same inode again: ", same);
  const std::string digest = "SELECT count(*) || md5(string_agg(t, ',' ORDER BY i)) FROM rows";
  const std::string rows = sql(server.conninfo("place"), digest);
  const Snapshot snapshot = back_up(ctx, repository, server);
  auto target = open_target(ctx, (folder / "copy").string(), snapshot, {});
  REQUIRE(target.ok());
  REQUIRE(restore(ctx, repository, snapshot, **target).ok());
  give_to_server_account(folder / "copy");
  ::chmod((folder / "copy").c_str(), 0700);
  PostgresBootOptions options;
  options.bin_dir = server.bin();
  options.queries.push_back({"SELECT '" + rows + "' = (" + digest + ")", "place"});
  const auto report = boot_postgres(ctx, (folder / "copy").string(), options);
  REQUIRE_MESSAGE(report.ok(), words(report));
  CHECK_MESSAGE(report->ready, report->log_tail);
  for (const PostgresBootCheck& check : report->checks) CHECK_MESSAGE(check.ok, check.name, ": ", check.output);
}
