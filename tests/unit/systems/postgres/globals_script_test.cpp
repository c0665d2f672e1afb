#include <doctest/doctest.h>

#include "systems/postgres/globals_script.hpp"

using namespace drkit::systems::postgres;

namespace {

constexpr const char* kScript =
    "--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict abc;def\n\nSET a = on;\n"
    "CREATE ROLE \"a;b\";\nALTER ROLE \"a;b\" WITH LOGIN PASSWORD 'SCRAM-SHA-256$hush;';\n"
    "COMMENT ON ROLE clerk IS 'one;\nCREATE TABLESPACE fake OWNER x LOCATION ''/y'';';\n"
    "CREATE TABLESPACE \"my space\" OWNER clerk LOCATION '/srv/it''s';\n"
    "CREATE TABLESPACE t2 OWNER \"x y\" LOCATION E'/a\\\\b';\n"
    "GRANT ALL ON TABLESPACE t2 TO clerk;\n";

}  // namespace

TEST_CASE("a script falls into statements that together are the script") {
  const std::string_view script = kScript;
  const auto pieces = split_statements(script);
  std::string together;
  for (const auto piece : pieces) together += piece;
  CHECK(together == script);
  REQUIRE(pieces.size() == 9);
  CHECK(bare_statement(pieces[0]) == "\\restrict abc;def\n");
  CHECK(bare_statement(pieces[2]) == "CREATE ROLE \"a;b\";");
  CHECK(bare_statement(pieces[4]).ends_with("LOCATION ''/y'';';"));
  CHECK(bare_statement(pieces[8]).empty());
}

TEST_CASE("tablespaces of a script are found, and only they") {
  std::string found;
  std::size_t about = 0;
  for (const auto piece : split_statements(kScript)) {
    if (const auto space = dumped_tablespace(bare_statement(piece))) found += space->name + "=" + space->location + ";";
    if (is_about_tablespace(bare_statement(piece))) ++about;
  }
  CHECK(found == "my space=/srv/it's;t2=/a\\b;");
  CHECK(about == 3);
}

TEST_CASE("a statement is shown without what may be a password") {
  CHECK(statement_at_line(kScript, 9) == "ALTER ROLE \"a;b\" WITH LOGIN");
  CHECK(statement_at_line(kScript, 12) == "CREATE TABLESPACE \"my space\" OWNER clerk LOCATION '/srv/it''s';");
  CHECK(statement_at_line(kScript, 99).empty());
}

TEST_CASE("a database is made without its tablespace") {
  CHECK(without_tablespace("CREATE DATABASE shop WITH TEMPLATE = template0 LOCALE = 'C' TABLESPACE = ts1;") ==
        "CREATE DATABASE shop WITH TEMPLATE = template0 LOCALE = 'C';");
  CHECK(without_tablespace("CREATE DATABASE \"x TABLESPACE = y\" TABLESPACE = \"a b\" CONNECTION LIMIT = 3;") ==
        "CREATE DATABASE \"x TABLESPACE = y\" CONNECTION LIMIT = 3;");
  CHECK(without_tablespace("ALTER DATABASE x SET y = 1;") == "ALTER DATABASE x SET y = 1;");
  CHECK(*tablespace_in_line("SET default_tablespace = ts1;") == "ts1");
  CHECK(*tablespace_in_line("SET default_tablespace = \"a \"\"b\";") == "a \"b");
  CHECK(*tablespace_in_line("CREATE DATABASE shop WITH LOCALE = 'C' TABLESPACE = ts2;") == "ts2");
  CHECK_FALSE(tablespace_in_line("SET default_tablespace = '';").has_value());
  CHECK_FALSE(tablespace_in_line("SELECT 1;").has_value());
}
