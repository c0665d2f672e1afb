// The SQL that pg_dumpall and pg_restore write: its statements, and its tablespaces.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

/// The pieces of a script, which together are the script: statements with what comes before them, and psql's own
/// commands. A semicolon in a literal, a quoted name or a comment ends nothing.
std::vector<std::string_view> split_statements(std::string_view script);

/// A piece without what comes before its first word.
std::string_view bare_statement(std::string_view piece);

/// "a", or "A ""b""" as SQL writes a name; moves `text` behind it. Null when there is none.
std::optional<std::string> take_identifier(std::string_view& text);
std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);

struct DumpedTablespace {
  std::string name;
  std::string location;  ///< "": in the data directory
};
/// Of a CREATE TABLESPACE; null for any other statement.
std::optional<DumpedTablespace> dumped_tablespace(std::string_view statement);
/// Whether it makes, changes or grants a tablespace.
bool is_about_tablespace(std::string_view statement);

/// The statement on this line (from 1) as it may be shown: what is quoted is left out but for places of tablespaces,
/// for it may be a password.
std::string statement_at_line(std::string_view script, std::size_t line);

/// A CREATE DATABASE without the tablespace that it names; anything else as it is.
std::string without_tablespace(std::string_view statement);

/// The tablespace that one line of SQL by pg_restore asks for; null: none, or the default one.
std::optional<std::string> tablespace_in_line(std::string_view line);

}  // namespace drkit::systems::postgres
