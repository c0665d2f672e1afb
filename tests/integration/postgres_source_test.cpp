#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "integration/postgres_support.hpp"

using namespace drkit;
using namespace drkit::test;
using std::chrono::steady_clock;

namespace {

std::string fill(const Server& server, const TemporaryFolder& folder) {
  const std::string space = (folder / "space").string();
  std::filesystem::create_directory(space);
  give_to_server_account(space);
  sql(server.conninfo(), "CREATE DATABASE second");
  sql(server.conninfo(), "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 5) AS t FROM generate_series(1, 100000) i");
  sql(server.conninfo(), "CREATE TABLESPACE space LOCATION '" + space + "'");
  sql(server.conninfo("second"), "CREATE TABLE spaced TABLESPACE space AS SELECT i FROM generate_series(1, 20000) i");
  sql(server.conninfo("second"), "CREATE UNLOGGED TABLE lost AS SELECT i FROM generate_series(1, 1000) i");
  return sql(server.conninfo(), "SELECT oid FROM pg_tablespace WHERE spcname = 'space'");
}

}  // namespace

TEST_CASE("a cluster comes out as files whose manifest PostgreSQL's own tool accepts") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  const std::string oid = fill(server, folder);
  auto source = make_postgres_source(server.conninfo());
  REQUIRE(source.ok());
  Context ctx;
  REQUIRE((*source)->begin(ctx).ok());
  CHECK((*source)->estimated_bytes() > 40'000'000);
  const auto receipt = save(ctx, **source, folder / "copy");
  REQUIRE_MESSAGE(receipt.ok(), (receipt.ok() ? "" : receipt.error().to_string()));
  CHECK(receipt->at("timeline") == "1");
  CHECK(receipt->at("major_version") == "15");
  CHECK(receipt->at("wal_segment_bytes") == "16777216");
  CHECK(receipt->at("tablespaces") == oid + "=" + (folder / "space").string());
  CHECK(receipt->at("system_id") == sql(server.conninfo(), "SELECT system_identifier FROM pg_control_system()"));
  CHECK(receipt->at("label") == "drkit");
  shell("/usr/lib/postgresql/15/bin/pg_verifybackup -q '" + (folder / "copy").string() + "'");
}
