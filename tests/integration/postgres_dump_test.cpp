#include <doctest/doctest.h>

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
  const std::string conninfo = server.conninfo_tcp() + " password=drkit-test";
  const std::size_t at = conninfo.find("dbname=postgres");
  return conninfo.substr(0, at) + conninfo.substr(at + std::string("dbname=postgres").size());
}

constexpr const char* kRows = "SELECT md5(string_agg(t::text, ',' ORDER BY i)) FROM t";

void fill(const Server& server) {
  sql(server.conninfo(), "CREATE ROLE clerk LOGIN PASSWORD 'secret-of-clerk'");
  sql(server.conninfo(), "CREATE DATABASE \"shop/50%'s\" OWNER clerk");
  const std::string shop = server.conninfo("'shop/50%\\'s'");
  sql(shop, "CREATE TABLE t AS SELECT i, md5(i::text) AS x FROM generate_series(1, 40000) i");
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
