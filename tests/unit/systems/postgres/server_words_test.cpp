#include <doctest/doctest.h>

#include "systems/postgres/backup_label.hpp"
#include "systems/postgres/base_backup.hpp"
#include "systems/postgres/client_program.hpp"
#include "systems/postgres/server_error.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

TEST_CASE("SQLSTATEs become the library's codes, the longest rule first") {
  CHECK(code_of_sqlstate("28P01") == ErrorCode::unauthenticated);
  CHECK(code_of_sqlstate("42501") == ErrorCode::permission_denied);
  CHECK(code_of_sqlstate("42601") == ErrorCode::invalid_argument);
  CHECK(code_of_sqlstate("53100") == ErrorCode::no_space);
  CHECK(code_of_sqlstate("53300") == ErrorCode::unavailable);
  CHECK(code_of_sqlstate("57P03") == ErrorCode::unavailable);
  CHECK(code_of_sqlstate("08P01") == ErrorCode::unsupported);
  CHECK(code_of_sqlstate("08006") == ErrorCode::unavailable);
  CHECK(code_of_sqlstate("XX001") == ErrorCode::corrupt);
  CHECK(code_of_sqlstate("ZZ999") == ErrorCode::io);
}

TEST_CASE("messages become one line") {
  CHECK(one_line("FATAL:  no such role\nDETAIL:  more\n") == "no such role");
  CHECK(one_line("") == "");
}

TEST_CASE("a connection string is split; a malformed one is refused without being repeated") {
  const auto parameters = parse_conninfo("host=db.example port=5433 user=u password=hush");
  REQUIRE(parameters.ok());
  CHECK(server_name(*parameters) == "db.example:5433");
  CHECK(server_name(*parse_conninfo("postgresql://u:hush@[::1]:6000/x")) == "::1:6000");
  CHECK(server_name(*parse_conninfo("")) == "local:5432");
  const auto bad = parse_conninfo("host=a password=hush hush2");
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().code() == ErrorCode::invalid_argument);
  CHECK(bad.error().to_string().find("hush") == std::string::npos);
}

TEST_CASE("the command quotes the label and spells the options out") {
  PostgresOptions options;
  options.label = "nightly 'x'";
  options.max_rate_kib = 2048;
  CHECK(*base_backup_command(options) ==
        "BASE_BACKUP (LABEL 'nightly ''x''', PROGRESS, CHECKPOINT 'fast', WAL, WAIT 0, MANIFEST 'yes', "
        "MANIFEST_CHECKSUMS 'CRC32C', VERIFY_CHECKSUMS 1, MAX_RATE 2048)");
  options.max_rate_kib = 31;
  CHECK(base_backup_command(options).error().code() == ErrorCode::invalid_argument);
  options = {};
  options.label = "two\nlines";
  CHECK(base_backup_command(options).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("a source that cannot be is refused when it is made") {
  PostgresOptions options;
  options.max_rate_kib = 31;
  CHECK(make_postgres_source("host=x", options).error().code() == ErrorCode::invalid_argument);
  CHECK(make_postgres_source("nonsense").error().code() == ErrorCode::invalid_argument);
  const auto source = make_postgres_source("host=/run/postgresql password=hush");
  REQUIRE(source.ok());
  CHECK((*source)->info().name == "/run/postgresql:5432");
  CHECK((*source)->next(Context()).error().code() == ErrorCode::precondition_failed);
}

TEST_CASE("backup_label is read line by line") {
  const auto fields = parse_backup_label(
      "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000060\nnoise\nLABEL: a: "
      "b");
  CHECK(fields.at("CHECKPOINT LOCATION") == "0/2000060");
  CHECK(fields.at("LABEL") == "a: b");
  CHECK(fields.size() == 3);
}

TEST_CASE("what psql says is judged by its SQLSTATE, in whatever language the server speaks") {
  for (const char* line :
       {"psql:/tmp/globals.sql:14: ERROR:  42501: permission denied", "psql:/tmp/globals.sql:14: FEHLER:  42501",
        "psql:/a:  b/g.sql:1: \xd0\x9e\xd0\xa8\xd0\x98\xd0\x91\xd0\x9a\xd0\x90:  42501: x ",
        "psql:x:1: FATAL:  57P01: x"}) {
    CAPTURE(line);
    REQUIRE_FALSE(judge_psql_line(line).ok());
    CHECK(judge_psql_line(line).error().code() == ErrorCode::io);
  }
  for (const char* line : {"psql:/tmp/globals.sql:14: FEHLER:  42710: Rolle ist da", "", "12345",
                           "psql: a line of another kind", "psql:x:1: ERROR:  words"}) {
    CAPTURE(line);
    CHECK(judge_psql_line(line).ok());
  }
}

TEST_CASE("what psql failed at is told in the server's words, with the line, and never with a password") {
  const auto told = judge_psql_line("psql:/tmp/g.sql:14: ERROR:  55006: directory \"/x/PG_15\" already in use");
  const std::string text = told.error().to_string();
  CHECK(text.find("directory \"/x/PG_15\" already in use") != std::string::npos);
  CHECK(text.find("sqlstate=55006") != std::string::npos);
  CHECK(text.find("line=14") != std::string::npos);
  const auto secret = judge_psql_line("psql:g.sql:3: ERROR:  42601: syntax error at \"SCRAM-SHA-256$4096:hush\"");
  CHECK(secret.error().to_string().find("hush") == std::string::npos);
}

TEST_CASE("an option that libpq does not know is named, and nothing that could be a secret") {
  const auto words_of = [](const std::string& conninfo) { return parse_conninfo(conninfo).error().to_string(); };
  CHECK(words_of("host=/tmp bogus=1").find("option=bogus") != std::string::npos);
  CHECK(words_of("postgres://host/db?bogus=1").find("option=bogus") != std::string::npos);
  CHECK(words_of("host=a password=hush wonder=x").find("wonder") == std::string::npos);
  CHECK(words_of("host=a something").find("something") == std::string::npos);
}

TEST_CASE("an address is taken apart, and a password in it is refused") {
  CHECK(*conninfo_of_address("postgres:host=/tmp port=1") == "host=/tmp port=1");
  CHECK(*conninfo_of_address("postgres://u@h:1/d") == "postgres://u@h:1/d");
  CHECK(*conninfo_of_address("host=/tmp") == "host=/tmp");
  for (const char* address : {"postgres:host=/tmp password=hush", "postgres://u:hush@h/d", "password=hush"}) {
    const auto refused = conninfo_of_address(address);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code() == ErrorCode::invalid_argument);
    CHECK(refused.error().to_string().find("PGPASSWORD") != std::string::npos);
    CHECK(refused.error().to_string().find("hush") == std::string::npos);
  }
}

TEST_CASE("every line of a program's words is judged, not the last ones alone") {
  const auto run = [](const std::string& script, const auto& judge) {
    return run_client_program(Context(), {"/bin/sh", "-c", script}, {}, judge);
  };
  std::size_t lines = 0, bytes = 0;
  const auto count = [&](std::string_view line) -> Result<void> {
    ++lines;
    bytes += line.size();
    return {};
  };
  REQUIRE(run("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done >&2; printf end >&2", count).ok());
  CHECK(lines == 20001);
  CHECK(bytes == 200003);
  const auto failed =
      run("echo 'g.sql:1: FEHLER:  42501' >&2; i=0; while [ $i -lt 20000 ]; do echo 'g.sql:2: FEHLER:  42710: x'; "
          "i=$((i+1)); done >&2",
          judge_psql_line);
  CHECK_FALSE(failed.ok());
}
