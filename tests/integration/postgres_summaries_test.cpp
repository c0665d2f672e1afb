// Incremental backups over the stream: the server tells by its WAL summaries which blocks changed.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>
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

Snapshot back_up(const Context& ctx, Repository& repository, const Server& server,
                 PostgresMode mode = PostgresMode::stream, const BackupOptions& how = {}) {
  PostgresOptions options;
  options.mode = mode;
  auto source = make_postgres_source(server.conninfo(), options);
  REQUIRE(source.ok());
  const auto snapshot = backup(ctx, repository, **source, how);
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  CHECK(snapshot->status == Status::complete);
  return *snapshot;
}

constexpr const char* kTables[] = {"accounts", "cut", "young", "far"};

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
                    const fs::path& copy, const std::vector<std::string>& questions) {
  PostgresRestoreOptions to;
  to.all_tablespaces_under = copy.string() + "-spaces";
  auto target =
      make_postgres_target([](std::string root) { return make_filesystem_target(std::move(root)); }, copy.string(), to);
  REQUIRE(target.ok());
  const auto restored = restore(ctx, repository, snapshot, **target);
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  CHECK(read_file(copy / "backup_label").find("INCREMENTAL") == std::string::npos);
  CHECK(read_file(copy / "backup_manifest").find("INCREMENTAL") == std::string::npos);
  give_to_server_account(copy);
  give_to_server_account(*to.all_tablespaces_under);
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

void make_tables(const std::string& at, const fs::path& space) {
  fs::create_directories(space);
  give_to_server_account(space);
  sql(at, "CREATE TABLESPACE elsewhere LOCATION '" + space.string() + "'");
  sql(at, "CREATE TABLE accounts (i int PRIMARY KEY, v bigint, filler char(80)) WITH (fillfactor = 90)");
  sql(at, "INSERT INTO accounts SELECT i, 0, 'x' FROM generate_series(1, 100000) i");
  sql(at, "CREATE TABLE cut AS SELECT i, repeat('c', 500) AS t FROM generate_series(1, 20000) i");
  sql(at, "CREATE TABLE far TABLESPACE elsewhere AS SELECT i, repeat('f', 200) AS t FROM generate_series(1, 20000) i");
  sql(at, "CREATE TABLE young (i int)");
  sql(at, "VACUUM FREEZE");
}

void change(const std::string& at, int round) {
  sql(at, "UPDATE accounts SET v = v + 1 WHERE i % 600 = " + std::to_string(round * 7));
  // Pages are cut off, and come back with other rows or empty.
  sql(at, "DELETE FROM cut WHERE ctid >= '(" + std::to_string(900 - 200 * round) + ",0)'");
  sql(at, "VACUUM (TRUNCATE) cut");
  if (round != 1) sql(at, "INSERT INTO cut SELECT i, repeat('d', 500) FROM generate_series(1, 3000) i");
  sql(at, "UPDATE far SET t = 'g' WHERE i % 2000 = " + std::to_string(round));
  sql(at, "DROP TABLE young");
  sql(at, "CREATE TABLE young AS SELECT i FROM generate_series(1, " + std::to_string(5000 * (round + 1)) + ") i");
  sql(at, "CREATE INDEX ON young (i)");
}

}  // namespace

TEST_CASE("a stream of changes becomes a whole cluster, again and again") {
  for (const int major : {17, 18}) {
    CAPTURE(major);
    TemporaryFolder folder;
    Server server(major, folder / "server", {"autovacuum=off", "max_wal_size=1GB", "summarize_wal=on"});
    make_tables(server.conninfo(), folder / "space");
    const Context ctx;
    Repository repository = new_repository(ctx);
    std::vector<std::pair<Snapshot, std::vector<std::string>>> all;
    all.emplace_back(back_up(ctx, repository, server), facts_of(server));
    CHECK(all[0].first.receipt.contains("full_because"));
    for (int round = 0; round < 3; ++round) {
      CAPTURE(round);
      change(server.conninfo(), round);
      all.emplace_back(back_up(ctx, repository, server), facts_of(server));
      const auto& [receipt, stats] = std::pair(all.back().first.receipt, all.back().first.stats);
      CHECK(receipt.contains("incremental_from"));
      CHECK_FALSE(receipt.contains("full_because"));
      CHECK(receipt.at("incremental_from") == all[all.size() - 2].first.receipt.at("start_lsn"));
      CHECK(stats.bytes > 60'000'000);
      // Most files come as a header alone; what is read is WAL and changes.
      CHECK(stats.files_unchanged > 400);
      CHECK(stats.bytes_read < stats.bytes - 15'000'000);
    }
    CheckOptions looking;
    looking.level = CheckLevel::files;
    const auto report = check(ctx, repository, &all.back().first, builtin_checks(), looking);
    REQUIRE_MESSAGE(report.ok(), words(report));
    CHECK(report->findings.empty());
    // Any may go, and the others are what they were.
    REQUIRE(repository.forget(ctx, all[0].first.id).ok());
    REQUIRE(repository.forget(ctx, all[2].first.id).ok());
    for (const std::size_t chosen : {std::size_t{1}, std::size_t{3}}) {
      check_restores(ctx, repository, all[chosen].first, server, folder / ("copy" + std::to_string(chosen)),
                     all[chosen].second);
    }
  }
}

TEST_CASE("changes since a snapshot that was read locally") {
  TemporaryFolder folder;
  Server server(17, folder / "server", {"autovacuum=off", "summarize_wal=on"});
  make_tables(server.conninfo(), folder / "space");
  const Context ctx;
  Repository repository = new_repository(ctx);
  const Snapshot local = back_up(ctx, repository, server, PostgresMode::local);
  change(server.conninfo(), 0);
  const Snapshot streamed = back_up(ctx, repository, server);
  CHECK(streamed.receipt.at("incremental_from") == local.receipt.at("start_lsn"));
  check_restores(ctx, repository, streamed, server, folder / "copy", facts_of(server));
}

TEST_CASE("where the server cannot tell changes everything is read, and the snapshot says why") {
  TemporaryFolder folder;
  const Context ctx;
  Repository repository = new_repository(ctx);
  SUBCASE("summaries are off") {
    Server server(17, folder / "server", {"autovacuum=off"});
    make_tables(server.conninfo(), folder / "space");
    back_up(ctx, repository, server);
    const Snapshot second = back_up(ctx, repository, server);
    CHECK(second.receipt.at("full_because") == "summarize_wal is off");
    CHECK(second.stats.bytes_read > 60'000'000);
  }
  SUBCASE("they were off for a while") {
    Server server(17, folder / "server", {"autovacuum=off"});
    make_tables(server.conninfo(), folder / "space");
    back_up(ctx, repository, server);
    change(server.conninfo(), 0);
    // Switched on too late, and the WAL from before is gone.
    for (int i = 0; i < 3; ++i) {
      sql(server.conninfo(), "SELECT pg_switch_wal()");
      sql(server.conninfo(), "CHECKPOINT");
    }
    sql(server.conninfo(), "ALTER SYSTEM SET summarize_wal = on");
    sql(server.conninfo(), "SELECT pg_reload_conf()");
    for (int i = 0; i < 200 && sql(server.conninfo(), "SHOW summarize_wal") != "on"; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const Snapshot second = back_up(ctx, repository, server);
    REQUIRE(second.receipt.contains("full_because"));
    CHECK(second.receipt.at("full_because").find("summaries") != std::string::npos);
    CHECK(second.stats.bytes_read > 60'000'000);
    check_restores(ctx, repository, second, server, folder / "copy", facts_of(server));
  }
  SUBCASE("no parent is wanted") {
    Server server(17, folder / "server", {"autovacuum=off", "summarize_wal=on"});
    make_tables(server.conninfo(), folder / "space");
    back_up(ctx, repository, server);
    BackupOptions alone;
    alone.parent = "none";
    const Snapshot second = back_up(ctx, repository, server, PostgresMode::stream, alone);
    CHECK(second.receipt.contains("full_because"));
    CHECK(second.stats.bytes_read > 60'000'000);
  }
}

TEST_CASE("a server that was set back passes the parent's position again, and is not asked for changes since") {
  TemporaryFolder folder;
  Server server(17, folder / "server", {"autovacuum=off", "summarize_wal=on"});
  const std::string at = server.conninfo();
  make_tables(at, folder / "space");
  server.stop();
  shell("cp -a '" + server.data().string() + "' '" + (folder / "older").string() + "'");
  server.start_again();
  sql(at, "UPDATE accounts SET v = 1000 WHERE i <= 20000");
  const Context ctx;
  Repository repository = new_repository(ctx);
  const Snapshot thrown_away = back_up(ctx, repository, server);
  server.stop();
  fs::remove_all(server.data());
  shell("cp -a '" + (folder / "older").string() + "' '" + server.data().string() + "'");
  server.start_again();
  const std::string passed = "SELECT pg_current_wal_insert_lsn() > '" + thrown_away.receipt.at("end_lsn") + "'::pg_lsn";
  for (int round = 0; sql(at, passed) != "t"; ++round) {
    REQUIRE(round < 100);
    sql(at, "UPDATE accounts SET v = 7 WHERE i BETWEEN 50000 AND 52000");
    sql(at, "SELECT pg_switch_wal()");
  }
  const Snapshot kept = back_up(ctx, repository, server);
  CHECK(kept.receipt.at("full_because") == "the server was started anew since the earlier snapshot");
  check_restores(ctx, repository, kept, server, folder / "copy", facts_of(server));
  // A role that may replicate alone cannot prove that nothing of the kind happened.
  sql(at, "CREATE ROLE copier LOGIN REPLICATION");
  sql(at, "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
  PostgresOptions options;
  options.mode = PostgresMode::stream;
  const auto source = make_postgres_source(at + " user=copier", options);
  REQUIRE(source.ok());
  const auto blind = backup(ctx, repository, **source);
  REQUIRE_MESSAGE(blind.ok(), words(blind));
  CHECK(blind->receipt.at("full_because").find("may not connect") != std::string::npos);
}

TEST_CASE("a parent of which chunks are gone is no parent: everything is read, and the snapshot is whole") {
  TemporaryFolder folder;
  Server server(17, folder / "server", {"autovacuum=off", "summarize_wal=on"});
  make_tables(server.conninfo(), folder / "space");
  const Context ctx;
  const StoragePtr storage = make_memory_storage();
  CreateOptions create;
  create.passwords.push_back(Secret::from_text("pw"));
  create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto repository = Repository::create(ctx, storage, std::move(create));
  REQUIRE_MESSAGE(repository.ok(), words(repository));
  back_up(ctx, *repository, server);
  // The one that was written first holds files of the cluster, not its manifest.
  ObjectInfo oldest;
  const auto listed = storage->list(ctx, "data/", [&](const ObjectInfo& object) {
    if (oldest.key.empty() || object.modified_ns < oldest.modified_ns) oldest = object;
    return true;
  });
  REQUIRE(listed.ok());
  REQUIRE(storage->remove(ctx, oldest.key).ok());
  change(server.conninfo(), 0);
  const Snapshot second = back_up(ctx, *repository, server);
  CHECK(second.receipt.at("full_because") == "the earlier snapshot is damaged in parts");
  CheckOptions looking;
  looking.level = CheckLevel::files;
  const auto report = check(ctx, *repository, &second, builtin_checks(), looking);
  REQUIRE_MESSAGE(report.ok(), words(report));
  CHECK(report->findings.empty());
  change(server.conninfo(), 1);
  CHECK(back_up(ctx, *repository, server).receipt.contains("incremental_from"));
}
