#include "systems/postgres/dump_server.hpp"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "base/posix_file.hpp"
#include "base/text_file.hpp"
#include "systems/postgres/globals_script.hpp"
#include "systems/postgres/server_error.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::string_view kNotAllowed = "42501";

std::string place_of(const PostgresDumpRestoreOptions& options, const DumpedTablespace& space) {
  const auto by_name = options.tablespaces.find(space.name), by_place = options.tablespaces.find(space.location);
  if (by_name != options.tablespaces.end()) return by_name->second;
  return by_place != options.tablespaces.end() ? by_place->second : space.location;
}

std::vector<DumpedTablespace> tablespaces_in(std::string_view script) {
  std::vector<DumpedTablespace> spaces;
  for (const std::string_view piece : split_statements(script)) {
    if (auto space = dumped_tablespace(bare_statement(piece))) spaces.push_back(std::move(*space));
  }
  return spaces;
}

// Every piece keeps its lines, so that the lines that psql names are those of the dump.
std::string moved(std::string_view script, const PostgresDumpRestoreOptions& options) {
  std::string result;
  for (const std::string_view piece : split_statements(script)) {
    const std::string_view statement = bare_statement(piece);
    const auto space = dumped_tablespace(statement);
    const bool left_out = options.no_tablespaces && is_about_tablespace(statement);
    if (!left_out && !(space && place_of(options, *space) != space->location)) {
      result += piece;
      continue;
    }
    result += piece.substr(0, piece.size() - statement.size());
    if (!left_out) {
      const std::size_t end = statement.rfind(" LOCATION ");
      result += std::string(statement.substr(0, end)) + " LOCATION " + quote_literal(place_of(options, *space)) + ";";
    }
  }
  return result;
}

Result<void> check_dump_mappings(const PostgresDumpRestoreOptions& options,
                                 const std::vector<DumpedTablespace>& spaces) {
  std::string list;
  for (const DumpedTablespace& space : spaces) list += (list.empty() ? "" : ", ") + space.name + "=" + space.location;
  for (const auto& [from, to] : options.tablespaces) {
    const auto is_meant = [&from = from](const auto& space) { return space.name == from || space.location == from; };
    if (std::any_of(spaces.begin(), spaces.end(), is_meant)) continue;
    return Error(ErrorCode::not_found, "the dump has no tablespace with this name or location")
        .with("tablespace", from)
        .with("known", list.empty() ? "none" : list);
  }
  return {};
}

// Why the server cannot make a tablespace there; "" when it can, or when the role may not look.
Result<std::string> trouble_with(const Context& ctx, const DumpServer& server, const std::string& place) {
  if (place.empty()) return std::string();
  const std::string literal = quote_literal(place);
  const auto there = server.connection.query(ctx, "SELECT (pg_catalog.pg_stat_file(" + literal + ", true)).isdir");
  if (!there && has_sqlstate(there.error(), kNotAllowed)) return std::string();
  if (!there) return there.error();
  if (field(*there, 0, 0) != "t") return std::string("no such folder");
  const auto names =
      server.connection.query(ctx, "SELECT count(*) FROM pg_catalog.pg_ls_dir(" + literal + ") n WHERE n LIKE 'PG\\_" +
                                       std::to_string(server.connection.server_version() / 10000) + "\\_%'");
  if (!names && has_sqlstate(names.error(), kNotAllowed)) return std::string();
  if (!names) return std::string("the server cannot read the folder");
  return std::string(field(*names, 0, 0) == "0" ? "" : "in use");
}

Result<std::set<std::string>> tablespaces_of_server(const Context& ctx, const DumpServer& server) {
  DRKIT_ASSIGN(const ResultPtr rows,
               server.connection.query(ctx, "SELECT spcname FROM pg_catalog.pg_tablespace ORDER BY 1"));
  std::set<std::string> names;
  for (int row = 0; row < PQntuples(rows.get()); ++row) names.insert(field(rows, row, 0));
  return names;
}

Result<void> check_needed(const Context& ctx, const DumpServer& server, const DumpFile& file,
                          const std::set<std::string>& known) {
  std::vector<std::string> arguments{server.programs.path("pg_restore"), "--schema-only", "--file=-"};
  if (file.creates) arguments.emplace_back("--create");
  arguments.push_back(file.path);
  return read_program_lines(ctx, std::move(arguments), {}, [&](std::string_view line) -> Result<void> {
    const auto name = tablespace_in_line(line);
    if (!name || known.contains(*name)) return {};
    return Error(ErrorCode::not_found,
                 "the dump needs a tablespace that the server does not have; make it, or restore without tablespaces")
        .with("tablespace", *name);
  });
}

Result<std::string> write_script(const DumpServer& server, const std::string& name, std::string_view text) {
  const std::string path = server.folder + "/" + name;
  DRKIT_ASSIGN(base::UniqueFd file, base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  DRKIT_TRY(base::write_full(file.get(), as_bytes(text), path));
  DRKIT_TRY(file.close(path));
  return path;
}

}  // namespace

Result<void> run_script(const Context& ctx, const DumpServer& server, const std::string& script) {
  const std::string text = moved(script, server.options);
  DRKIT_ASSIGN(const std::string path, write_script(server, "script.sql", text));
  DRKIT_ASSIGN(auto environment, server.connection.environment(""));
  // Warnings stay at the server, so that every message is an error, whatever its severity is called there.
  auto done = run_client_program(ctx,
                                 {server.programs.path("psql"), "-X", "-q", "--no-password", "-v", "VERBOSITY=verbose",
                                  "-c", "SET client_min_messages = error", "-f", path},
                                 std::move(environment), judge_psql_line);
  if (done) return {};
  std::size_t line = 0;
  for (const auto& [key, value] : done.error().context()) {
    if (key == "line") line = std::strtoul(value.c_str(), nullptr, 10);
  }
  if (line == 0) return done.error();
  return std::move(done).error().with("statement", statement_at_line(text, line));
}

Result<void> check_dump_tablespaces(const Context& ctx, const DumpServer& server, const std::string& globals,
                                    const std::vector<DumpFile>& files) {
  std::vector<DumpedTablespace> spaces;
  if (!globals.empty()) {
    DRKIT_ASSIGN(const auto script, base::read_text_file(globals));
    spaces = tablespaces_in(script.value_or(""));
  }
  DRKIT_TRY(check_dump_mappings(server.options, spaces));
  if (server.options.no_tablespaces) return {};
  DRKIT_ASSIGN(std::set<std::string> known, tablespaces_of_server(ctx, server));
  std::string missing;
  for (const DumpedTablespace& space : spaces) {
    const std::string place = place_of(server.options, space);
    if (!known.insert(space.name).second) continue;
    DRKIT_ASSIGN(const std::string trouble, trouble_with(ctx, server, place));
    if (!trouble.empty()) missing += (missing.empty() ? "" : ", ") + space.name + "=" + place + " (" + trouble + ")";
  }
  if (!missing.empty()) {
    return Error(ErrorCode::precondition_failed,
                 "the server has no place for tablespaces of the dump: make the folders, empty and its account's own, "
                 "or map them to others, or restore without tablespaces")
        .with("tablespaces", missing);
  }
  for (const DumpFile& file : files) DRKIT_TRY(check_needed(ctx, server, file, known));
  return {};
}

Result<void> make_database_apart(const Context& ctx, const DumpServer& server, const std::string& dump) {
  const std::string program = server.programs.path("pg_restore");
  std::string list;
  DRKIT_TRY(read_program_lines(ctx, {program, "--list", dump}, {}, [&](std::string_view line) -> Result<void> {
    const bool entry = !line.empty() && line.front() != ';';
    const bool of_database = line.find(" DATABASE ") != std::string_view::npos;
    if (entry && of_database) list += std::string(line) + "\n";
    return {};
  }));
  DRKIT_ASSIGN(const std::string entries, write_script(server, "entries.list", list));
  std::string script;
  const auto collect = [&](std::string_view line) -> Result<void> {
    script += std::string(line) + "\n";
    return {};
  };
  DRKIT_TRY(read_program_lines(
      ctx, {program, "--create", "--schema-only", "--no-tablespaces", "--use-list=" + entries, "--file=-", dump}, {},
      collect));
  std::string plain;
  for (const std::string_view piece : split_statements(script)) {
    const std::string_view statement = bare_statement(piece);
    plain += piece.substr(0, piece.size() - statement.size());
    plain += without_tablespace(statement);
  }
  return run_script(ctx, server, plain);
}

}  // namespace drkit::systems::postgres
