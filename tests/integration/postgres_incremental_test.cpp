#include <doctest/doctest.h>

#include <sys/stat.h>

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
