#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include <drkit/backup.hpp>
#include <drkit/registry.hpp>
#include <drkit/restore.hpp>
#include <drkit/storage.hpp>

#include "integration/postgres_support.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace drkit::test;
using drkit::testing::new_repository;
using drkit::testing::words;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<Source> dump_of(const Context& ctx, const std::string& conninfo) {
  SourceOptions options;
  options.what = "dump";
  auto source = open_source(ctx, "postgres:" + conninfo, options);
  REQUIRE_MESSAGE(source.ok(), words(source));
  return std::move(*source);
}

// Without a database.
std::string whole_server(const Server& server) {
  ::setenv("PGPASSWORD", "drkit-test", 1);  // never in the address
  const std::string conninfo = server.conninfo_tcp();
  const std::size_t at = conninfo.find("dbname=postgres");
  return conninfo.substr(0, at) + conninfo.substr(at + std::string("dbname=postgres").size());
}

constexpr const char* kRows = "SELECT md5(string_agg(t::text, ',' ORDER BY i)) FROM t";

void fill(const Server& server) {
  sql(server.conninfo(), "CREATE ROLE clerk LOGIN PASSWORD 'secret-of-clerk'");
  sql(server.conninfo(), "CREATE DATABASE \"shop/50%'s\" OWNER clerk");
  const std::string shop = server.conninfo("'shop/50%\\'s'");
  sql(shop, "CREATE TABLE t AS SELECT i, md5(i::text) AS x FROM generate_series(1, 400000) i");
  sql(shop, "ALTER TABLE t ADD PRIMARY KEY (i)");
  sql(shop, "CREATE TABLE u AS SELECT i, md5((i + 1)::text) AS x FROM generate_series(1, 20000) i");
}

}  // namespace

TEST_CASE("all databases and roles go to another server and come back with every row") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Server other(15, folder / "other");
  fill(server);
  const std::string shop = "'shop/50%\\'s'";
  const std::string rows = sql(server.conninfo(shop), kRows);
  Context ctx;
  Repository repository = new_repository(ctx);
  const auto first = backup(ctx, repository, *dump_of(ctx, whole_server(server)));
  REQUIRE_MESSAGE(first.ok(), words(first));
  CHECK(first->source_kind == "postgres-dump");
  CHECK(first->receipt.at("databases") == "postgres\nshop/50%'s\ntemplate1");
  CHECK(first->stats.files == 4);
  sql(server.conninfo(shop), "UPDATE t SET x = 'changed' WHERE i = 39999");
  const auto second = backup(ctx, repository, *dump_of(ctx, whole_server(server)));
  REQUIRE_MESSAGE(second.ok(), words(second));
  CHECK(second->stats.bytes > 2'000'000);
  CHECK(second->stats.bytes_new < second->stats.bytes);
  auto target = open_target(ctx, "postgres:" + whole_server(other), *first);
  REQUIRE_MESSAGE(target.ok(), words(target));
  const auto restored = restore(ctx, repository, *first, **target);
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  CHECK(sql(other.conninfo(shop), kRows) == rows);
  CHECK(sql(other.conninfo(shop), "SELECT count(*) FROM u") == "20000");
  CHECK(sql(other.conninfo(shop),
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()") == "clerk");
  CHECK(sql(other.conninfo(), "SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'clerk'") == "t");
  // Now there is something that a second restore would overwrite.
  auto again = open_target(ctx, "postgres:" + whole_server(other), *first);
  REQUIRE(again.ok());
  const auto refused = restore(ctx, repository, *first, **again);
  REQUIRE_FALSE(refused.ok());
  CHECK_MESSAGE(refused.error().code() == ErrorCode::precondition_failed, words(refused));
}

TEST_CASE("one database is dumped when the address names it, and a dump that fails fails the backup") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  fill(server);
  Context ctx;
  Repository repository = new_repository(ctx);
  const auto one = backup(ctx, repository, *dump_of(ctx, server.conninfo("'shop/50%\\'s'")));
  REQUIRE_MESSAGE(one.ok(), words(one));
  CHECK(one->stats.files == 2);
  sql(server.conninfo(), "CREATE ROLE blind LOGIN");
  const auto failed = backup(ctx, repository, *dump_of(ctx, server.conninfo("'shop/50%\\'s'") + " user=blind"));
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code() == ErrorCode::io);
  CHECK_MESSAGE(words(failed).find("permission denied") != std::string::npos, words(failed));
  const auto snapshots = repository.snapshots(ctx);
  REQUIRE(snapshots.ok());
  CHECK(snapshots->size() == 1);
}

TEST_CASE("a server newer than every pg_dump here is refused before anything is dumped") {
  TemporaryFolder folder;
  Server server(17, folder / "server");
  PostgresOptions options;
  options.what = PostgresWhat::dump;
  options.bin_dir = "/usr/lib/postgresql/15/bin";
  const auto source = make_postgres_source(server.conninfo(), options);
  REQUIRE(source.ok());
  const auto begun = (*source)->begin(Context());
  REQUIRE_FALSE(begun.ok());
  CHECK_MESSAGE(begun.error().code() == ErrorCode::unsupported, words(begun));
  CHECK(words(begun).find("15") != std::string::npos);
}

TEST_CASE("roles that could not be restored fail the restore, also when much else was said after them") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Server other(15, folder / "other");
  // Only a superuser may make one. The many roles after it are there already, which is told one by one.
  sql(server.conninfo(), "CREATE ROLE \"AAA\" SUPERUSER");
  const std::string many =
      "DO $$ BEGIN FOR i IN 1..3000 LOOP EXECUTE 'CREATE ROLE \"role ' || i || '\"'; END LOOP; END $$";
  sql(server.conninfo(), many);
  sql(other.conninfo(), many);
  sql(other.conninfo(), "CREATE ROLE drkit_restorer LOGIN CREATEROLE CREATEDB");
  Context ctx;
  Repository repository = new_repository(ctx);
  const auto snapshot = backup(ctx, repository, *dump_of(ctx, server.conninfo("template1")));
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  auto target = open_target(ctx, "postgres:" + other.conninfo() + " user=drkit_restorer", *snapshot);
  REQUIRE_MESSAGE(target.ok(), words(target));
  const auto restored = restore(ctx, repository, *snapshot, **target);
  REQUIRE_FALSE(restored.ok());
  CHECK_MESSAGE(words(restored).find("sqlstate=42501") != std::string::npos, words(restored));
  CHECK_MESSAGE(words(restored).find("statement=ALTER ROLE \"AAA\" WITH SUPERUSER") != std::string::npos,
                words(restored));
  CHECK_MESSAGE(words(restored).find("must be superuser") != std::string::npos, words(restored));
}

TEST_CASE("databases with names that look like something else are dumped and come back") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Server other(15, folder / "other");
  const std::vector<std::string> names{"a=b", "it's a name", "postgresql://x"};
  for (const std::string& name : names) sql(server.conninfo(), "CREATE DATABASE \"" + name + "\"");
  Context ctx;
  Repository repository = new_repository(ctx);
  const auto snapshot = backup(ctx, repository, *dump_of(ctx, whole_server(server)));
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  auto target = open_target(ctx, "postgres:" + whole_server(other), *snapshot);
  REQUIRE_MESSAGE(target.ok(), words(target));
  const auto restored = restore(ctx, repository, *snapshot, **target);
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  CHECK(sql(other.conninfo(),
            "SELECT count(*) FROM pg_database WHERE datname IN ('a=b', 'it''s a name', "
            "'postgresql://x')") == "3");
}

namespace {

// A database whose table lies in a tablespace of its own.
void fill_space(const Server& server, const fs::path& place) {
  fs::create_directories(place);
  give_to_server_account(place);
  sql(server.conninfo(), "CREATE TABLESPACE \"my space\" LOCATION '" + place.string() + "'");
  sql(server.conninfo(), "CREATE DATABASE far TABLESPACE \"my space\"");
  sql(server.conninfo(), "ALTER DATABASE far SET work_mem = '7MB'");
  sql(server.conninfo("far"), "CREATE TABLE t AS SELECT i, md5(i::text) AS x FROM generate_series(1, 5000) i");
  sql(server.conninfo("far"), "CREATE TABLE near TABLESPACE pg_default AS SELECT 1 AS one");
  sql(server.conninfo("far"), "CREATE INDEX ON near (one) TABLESPACE \"my space\"");
}

std::string restored_words(const Context& ctx, Repository& repository, const Snapshot& snapshot, const Server& other,
                           const TargetOptions& options = {}, const RestoreOptions& chosen = {}) {
  auto target = open_target(ctx, "postgres:" + other.conninfo(), snapshot, options);
  REQUIRE_MESSAGE(target.ok(), words(target));
  return words(restore(ctx, repository, snapshot, **target, chosen));
}

}  // namespace

TEST_CASE("tablespaces of a dump: their places are looked at first, can be moved, or left out") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Server other(15, folder / "other");
  fill_space(server, folder / "space");
  Context ctx;
  Repository repository = new_repository(ctx);
  SourceOptions chosen;
  chosen.what = "dump";
  chosen.databases = {"far"};
  const auto source = open_source(ctx, "postgres:" + server.conninfo(), chosen);
  REQUIRE_MESSAGE(source.ok(), words(source));
  const auto snapshot = backup(ctx, repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  CHECK(snapshot->receipt.at("databases") == "far");
  const std::string rows = sql(server.conninfo("far"), kRows);
  const auto databases = [&other] {
    return sql(other.conninfo(), "SELECT count(*) FROM pg_database WHERE datname = 'far'");
  };

  // On one machine the old place is the other server's: nothing is changed.
  const std::string taken = restored_words(ctx, repository, *snapshot, other);
  CHECK_MESSAGE(taken.find("precondition_failed") == 0, taken);
  CHECK_MESSAGE(taken.find("my space=" + (folder / "space").string() + " (in use)") != std::string::npos, taken);
  TargetOptions to;
  to.tablespaces["my space"] = (folder / "absent").string();
  const std::string absent = restored_words(ctx, repository, *snapshot, other, to);
  CHECK_MESSAGE(absent.find("(no such folder)") != std::string::npos, absent);
  to.tablespaces["typo"] = "/x";
  CHECK(restored_words(ctx, repository, *snapshot, other, to).find("not_found: the dump has no tablespace") == 0);
  to.tablespaces.erase("typo");
  // Without the globals nothing makes it.
  RestoreOptions alone;
  alone.includes = {"far.dump"};
  const std::string unknown = restored_words(ctx, repository, *snapshot, other, {}, alone);
  CHECK_MESSAGE(unknown.find("not_found: the dump needs a tablespace") == 0, unknown);
  CHECK(databases() == "0");
  CHECK(sql(other.conninfo(), "SELECT count(*) FROM pg_tablespace") == "2");

  SUBCASE("moved") {
    to.tablespaces["my space"] = (folder / "moved").string();
    fs::create_directories(folder / "moved");
    give_to_server_account(folder / "moved");
    CHECK(restored_words(ctx, repository, *snapshot, other, to) == "");
    CHECK(
        sql(other.conninfo(), "SELECT pg_tablespace_location(dattablespace) FROM pg_database WHERE datname = 'far'") ==
        (folder / "moved").string());
  }
  SUBCASE("left out") {
    TargetOptions none;
    none.no_tablespaces = true;
    none.jobs = 3;
    CHECK(restored_words(ctx, repository, *snapshot, other, none) == "");
    CHECK(sql(other.conninfo(), "SELECT count(*) FROM pg_tablespace") == "2");
  }
  CHECK(sql(other.conninfo("far"), kRows) == rows);
  CHECK(sql(other.conninfo("far"), "SHOW work_mem") == "7MB");
}

TEST_CASE("a database that could not be filled is gone again, and the next attempt is not refused") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Server other(15, folder / "other");
  sql(server.conninfo(), "CREATE DATABASE shop");
  sql(server.conninfo("shop"), "CREATE TABLE t AS SELECT i, md5(i::text) AS x FROM generate_series(1, 3000) i");
  sql(server.conninfo("shop"), "CREATE ROLE clerk");
  sql(server.conninfo("shop"), "CREATE TABLE u (i int)");
  sql(server.conninfo("shop"), "GRANT SELECT ON u TO clerk");
  Context ctx;
  Repository repository = new_repository(ctx);
  const auto snapshot = backup(ctx, repository, *dump_of(ctx, server.conninfo("shop")));
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  RestoreOptions alone;
  alone.includes = {"shop.dump"};  // without the role
  SUBCASE("made by the restore") {}
  SUBCASE("there before") { sql(other.conninfo(), "CREATE DATABASE shop"); }
  const std::string failed = restored_words(ctx, repository, *snapshot, other, {}, alone);
  CHECK_MESSAGE(failed.find("clerk") != std::string::npos, failed);
  CHECK(restored_words(ctx, repository, *snapshot, other) == "");
  CHECK(sql(other.conninfo("shop"), kRows) == sql(server.conninfo("shop"), kRows));
}

TEST_CASE("a dump of 15 restores into 18 with the programs of 18, wherever they are") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Server newer(18, folder / "newer");
  fill(server);
  Context ctx;
  Repository repository = new_repository(ctx);
  const auto snapshot = backup(ctx, repository, *dump_of(ctx, whole_server(server)));
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  shell(std::string(DRKIT_SOURCE_DIR) + "/tests/servers/postgres_pypi.sh fetch 18 >'" + (folder / "programs").string() +
        "'");
  std::string bin = read_file(folder / "programs");
  bin.erase(bin.find('\n'));
  bin += "/bin";
  TargetOptions options;
  const char* path = std::getenv("PATH");
  const std::string before = path == nullptr ? "" : path;
  SUBCASE("in the folder that is given") { options.bin_dir = bin; }
  SUBCASE("in the search path") { ::setenv("PATH", (before + ":" + bin).c_str(), 1); }
  const std::string done = restored_words(ctx, repository, *snapshot, newer, options);
  ::setenv("PATH", before.c_str(), 1);
  CHECK(done == "");
  const std::string shop = "'shop/50%\\'s'";
  CHECK(sql(newer.conninfo(shop), kRows) == sql(server.conninfo(shop), kRows));
  CHECK(sql(newer.conninfo(), "SHOW server_version_num") >= "180000");
  CHECK(sql(newer.conninfo(), "SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'clerk'") == "t");
  // The older programs alone will not do.
  options.bin_dir = "/usr/lib/postgresql/15/bin";
  CHECK(restored_words(ctx, repository, *snapshot, newer, options).find("unsupported: no pg_dump") == 0);
}
