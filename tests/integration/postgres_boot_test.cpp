#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include <drkit/backup.hpp>
#include <drkit/check.hpp>
#include <drkit/registry.hpp>

#include "integration/postgres_support.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace drkit::test;

namespace {

namespace fs = std::filesystem;
using drkit::testing::words;

std::string words(const PostgresBootReport& report) {
  std::string text;
  for (const auto& check : report.checks) {
    text += check.name + " " + check.subject + (check.ok ? " ok: " : " FAILED: ") + check.output + "\n";
  }
  return text + report.log_tail;
}

void fill_without_tablespace(const Server& server) {
  sql(server.conninfo(),
      "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 5) AS t FROM generate_series(1, 100000) i");
  sql(server.conninfo(), "CREATE INDEX ON big (i)");
}

// Two databases, a tablespace, an unlogged table and a 20 MB one; gives the oid of the tablespace.
std::string fill(const Server& server, const TemporaryFolder& folder) {
  const fs::path space = folder / "space";
  fs::create_directory(space);
  give_to_server_account(space);
  sql(server.conninfo(), "CREATE DATABASE second");
  fill_without_tablespace(server);
  sql(server.conninfo(), "CREATE TABLESPACE space LOCATION '" + space.string() + "'");
  sql(server.conninfo("second"), "CREATE TABLE spaced TABLESPACE space AS SELECT i FROM generate_series(1, 20000) i");
  sql(server.conninfo("second"), "CREATE UNLOGGED TABLE unlogged AS SELECT i FROM generate_series(1, 1000) i");
  return sql(server.conninfo(), "SELECT oid FROM pg_tablespace WHERE spcname = 'space'");
}

// Backs the server up and restores it to folder/restored, tablespaces to folder/spaces.
void copy_cluster(const Server& server, const TemporaryFolder& folder) {
  auto source = make_postgres_source(server.conninfo(), {.mode = PostgresMode::stream});
  REQUIRE(source.ok());
  Context ctx;
  REQUIRE((*source)->begin(ctx).ok());
  const auto saved = save(ctx, **source, folder / "saved");
  REQUIRE_MESSAGE(saved.ok(), words(saved));
  PostgresRestoreOptions options;
  options.all_tablespaces_under = (folder / "spaces").string();
  fs::create_directory(folder / "spaces");
  const auto target = make_postgres_target(make_plain_target, (folder / "restored").string(), options);
  REQUIRE(target.ok());
  const auto restored = restore(ctx, *saved, **target);
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  give_to_server_account(folder / "restored");
  give_to_server_account(folder / "spaces");
}

PostgresBootOptions boot_options(const Server& server) {
  PostgresBootOptions options;
  options.bin_dir = server.bin();
  if (!server.lib().empty()) options.environment["LD_LIBRARY_PATH"] = server.lib();
  options.queries = {{"SELECT count(*) = 100000 FROM big", "postgres"},
                     {"SELECT count(*) = 20000 FROM spaced", "second"},
                     {"SELECT count(*) = 0 FROM unlogged", "second"},
                     {"SELECT 'seen', 7", "postgres"}};
  return options;
}

void check_nothing_left(const TemporaryFolder& folder) {
  CHECK_FALSE(fs::exists(folder / "restored" / "postmaster.pid"));
  CHECK_FALSE(fs::exists(folder / "restored" / "postmaster.opts"));
  CHECK(fs::is_empty(folder / "scratch"));
}

void round_trip(int major) {
  TemporaryFolder folder;
  fs::create_directory(folder / "scratch");
  fs::permissions(folder / "scratch", fs::perms(0711));
  Server server(major, folder / "server");
  const std::string oid = fill(server, folder);
  copy_cluster(server, folder);
  CHECK(fs::read_symlink(folder / "restored" / "pg_tblspc" / oid) == folder / "spaces" / oid);
  PostgresBootOptions options = boot_options(server);
  options.scratch_dir = (folder / "scratch").string();
  const auto report = boot_postgres(Context(), (folder / "restored").string(), options);
  REQUIRE_MESSAGE(report.ok(), words(report));
  CHECK_MESSAGE(report->ok(), words(*report));
  CHECK(report->ready);
  CHECK(report->major_version == major);
  CHECK_FALSE(report->own_configuration);
  CHECK(report->seconds_to_ready > 0);
  std::map<std::string, int> names;
  for (const auto& check : report->checks) ++names[check.name];
  CHECK(names["start"] == 1);
  CHECK(names["amcheck"] >= 1);
  CHECK(names["dump"] == 3);
  CHECK(names["query"] == 4);
  CHECK(names["stop"] == 1);
  CHECK(report->checks[report->checks.size() - 2].output == "seen\t7\n");
  check_nothing_left(folder);
}

}  // namespace

TEST_CASE("a cluster of PostgreSQL 15 is backed up, restored elsewhere and boots with every row") { round_trip(15); }
TEST_CASE("so is one of PostgreSQL 17, with the server's programs alone") { round_trip(17); }
TEST_CASE("and one of PostgreSQL 18") { round_trip(18); }
TEST_CASE("and one of PostgreSQL 16") { round_trip(16); }

TEST_CASE("databases are looked at whatever they are called, and what could not be looked at is said") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  for (const char* name : {"a=b", "postgresql://x", "it's a \\name"}) {
    sql(server.conninfo(), "CREATE DATABASE \"" + std::string(name) + "\"");
  }
  // As a server without contrib.
  sql(server.conninfo("template1"),
      "SET allow_system_table_mods = on; CREATE OR REPLACE VIEW pg_catalog.pg_available_extensions AS SELECT e.name, "
      "e.default_version, x.extversion AS installed_version, e.comment FROM pg_available_extensions() e LEFT JOIN "
      "pg_extension x ON e.name = x.extname WHERE e.name <> 'amcheck'");
  Context ctx;
  Repository repository = drkit::testing::new_repository(ctx);
  const auto source = make_postgres_source(server.conninfo(), {.mode = PostgresMode::local});
  REQUIRE(source.ok());
  const auto snapshot = backup(ctx, repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  CheckOptions options;
  options.level = CheckLevel::boot;
  options.scratch_parent = folder.path();
  const auto report = check(ctx, repository, &*snapshot, builtin_checks(), options);
  REQUIRE_MESSAGE(report.ok(), words(report));
  CHECK(report->ok());
  for (const Finding& finding : report->findings) INFO(finding.code, " ", finding.subject, " ", finding.message);
  REQUIRE(report->findings.size() == 1);
  CHECK(report->findings[0].code == "boot_amcheck_skipped");
  CHECK(report->findings[0].severity == Severity::warning);
  const auto boot = std::find_if(report->runs.begin(), report->runs.end(),
                                 [](const CheckRun& run) { return run.id == "postgres_boot"; });
  REQUIRE(boot != report->runs.end());
  CHECK(boot->looked_at == 7);  // a start, a stop, and a dump of each database
}

TEST_CASE("what is wrong with a restored cluster is in the report, and nothing stays behind") {
  TemporaryFolder folder;
  fs::create_directory(folder / "scratch");
  fs::permissions(folder / "scratch", fs::perms(0711));
  Server server(15, folder / "server");
  fill(server, folder);
  const std::string big = sql(server.conninfo(), "SELECT pg_relation_filepath('big')");
  copy_cluster(server, folder);
  const std::string restored = (folder / "restored").string();
  PostgresBootOptions options = boot_options(server);
  options.scratch_dir = (folder / "scratch").string();
  options.user = "drkit";
  options.queries = {};
  const auto outcome = [&](const std::string& name) {
    const auto report = boot_postgres(Context(), restored, options);
    REQUIRE_MESSAGE(report.ok(), words(report));
    check_nothing_left(folder);
    CHECK_FALSE(report->ok());
    CHECK_FALSE(report->log_tail.empty());
    for (const auto& check : report->checks) {
      if (check.name == name && !check.ok) return check;
    }
    FAIL("no failed check " << name << "\n" << words(*report));
    return PostgresBootCheck{};
  };
  SUBCASE("a damaged table") {
    {
      std::fstream stream(folder / "restored" / big, std::ios::in | std::ios::out | std::ios::binary);
      stream.seekp(3 * 8192 + 5000);
      stream.put('\x5a');
    }
    CHECK(outcome("dump").output.find("invalid page") != std::string::npos);
  }
  SUBCASE("missing WAL") {
    fs::remove_all(folder / "restored" / "pg_wal");
    fs::create_directory(folder / "restored" / "pg_wal");
    give_to_server_account(folder / "restored");
    CHECK_FALSE(outcome("start").ok);
  }
  SUBCASE("a query that answers false, one that fails") {
    options.amcheck = options.read_everything = false;
    options.queries = {{"SELECT false", "postgres"}, {"SELECT * FROM missing", "postgres"}};
    CHECK(outcome("query").output.find("did not answer true") != std::string::npos);
  }
}

TEST_CASE("a standby is backed up too, and its copy boots as a server of its own") {
  TemporaryFolder folder;
  Server primary(15, folder / "primary");
  fill_without_tablespace(primary);
  Server standby(folder / "standby", primary);
  auto source = make_postgres_source(standby.conninfo(), {.mode = PostgresMode::stream});
  REQUIRE(source.ok());
  Context ctx;
  const auto begun = (*source)->begin(ctx);
  REQUIRE_MESSAGE(begun.ok(), words(begun));
  const auto saved = save(ctx, **source, folder / "saved");
  REQUIRE_MESSAGE(saved.ok(), words(saved));
  CHECK(saved->receipt.at("backup_from") == "standby");
  PostgresRestoreOptions as_it_is;
  as_it_is.keep_standby = true;
  const auto target = make_postgres_target(make_plain_target, (folder / "restored").string(), as_it_is);
  REQUIRE(target.ok());
  REQUIRE(restore(ctx, *saved, **target).ok());
  REQUIRE(fs::exists(folder / "restored" / "standby.signal"));
  give_to_server_account(folder / "restored");
  PostgresBootOptions options;
  options.queries = {{"SELECT count(*) = 100000 FROM big", "postgres"}, {"SELECT NOT pg_is_in_recovery()", "postgres"}};
  const auto report = boot_postgres(ctx, (folder / "restored").string(), options);
  REQUIRE_MESSAGE(report.ok(), words(report));
  CHECK_MESSAGE(report->ok(), words(*report));
  CHECK(fs::exists(folder / "restored" / "standby.signal.disabled"));
}

TEST_CASE("a configuration that does not fit the machine is replaced") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  fill(server, folder);
  copy_cluster(server, folder);
  std::ofstream(folder / "restored" / "postgresql.conf", std::ios::app)
      << "include '/nowhere/else.conf'\nrestore_command = 'false'\n";
  PostgresBootOptions options = boot_options(server);
  options.amcheck = options.read_everything = false;
  std::ofstream(folder / "restored" / "standby.signal");
  give_to_server_account(folder / "restored");
  const auto report = boot_postgres(Context(), (folder / "restored").string(), options);
  REQUIRE_MESSAGE(report.ok(), words(report));
  CHECK_MESSAGE(report->ok(), words(*report));
  CHECK(report->own_configuration);
}

TEST_CASE("a boot that cannot begin says why") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  const std::string data = server.data().string();
  Context ctx;
  SUBCASE("a server runs there") {
    const auto report = boot_postgres(ctx, data, {});
    REQUIRE_FALSE(report.ok());
    CHECK(report.error().code() == ErrorCode::precondition_failed);
    CHECK(report.error().message() ==
          "a PostgreSQL server with pid " + std::to_string(postmaster_pid(server.data())) + " is running in " + data);
  }
  SUBCASE("nothing is there") {
    CHECK(boot_postgres(ctx, folder.path().string(), {}).error().code() == ErrorCode::not_found);
  }
  server.stop();
  SUBCASE("no programs") {
    PostgresBootOptions options;
    options.bin_dir = "/nowhere";
    const auto report = boot_postgres(ctx, data, options);
    CHECK(report.error().code() == ErrorCode::unsupported);
    CHECK(report.error().message().find("/nowhere/postgres") != std::string::npos);
  }
  SUBCASE("a path too long for a socket") {
    PostgresBootOptions options;
    options.scratch_dir = "/tmp/" + std::string(100, 'x');
    CHECK(boot_postgres(ctx, data, options).error().code() == ErrorCode::invalid_argument);
  }
}

TEST_CASE("a boot is cancelled in time and leaves no process") {
  TemporaryFolder folder;
  fs::create_directory(folder / "scratch");
  fs::permissions(folder / "scratch", fs::perms(0711));
  Server server(15, folder / "server");
  fill(server, folder);
  copy_cluster(server, folder);
  PostgresBootOptions options = boot_options(server);
  options.scratch_dir = (folder / "scratch").string();
  options.user = "drkit";
  options.amcheck = options.read_everything = false;
  options.queries = {{"SELECT pg_sleep(60)", "postgres"}};
  Context ctx;
  std::chrono::steady_clock::time_point asked;
  std::thread thread([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    asked = std::chrono::steady_clock::now();
    ctx.cancel.cancel();
  });
  const auto report = boot_postgres(ctx, (folder / "restored").string(), options);
  const auto taken = std::chrono::steady_clock::now() - asked;
  thread.join();
  REQUIRE_FALSE(report.ok());
  CHECK(report.error().code() == ErrorCode::cancelled);
  CHECK(taken < std::chrono::seconds(2));
  check_nothing_left(folder);
}
