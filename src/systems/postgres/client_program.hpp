// PostgreSQL's client programs: which are here, and how they are run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/posix_file.hpp"
#include "systems/postgres/child.hpp"

namespace drkit::systems::postgres {

struct ClientPrograms {
  std::string bin_dir;
  int major = 0;  ///< of pg_dump
  std::string path(const std::string& name) const { return bin_dir + "/" + name; }
};

/// The programs of `wanted`, or of a version above it. bin_dir: there alone, unless "". search_path: further folders,
/// separated by ':', behind the usual places. Errors: unsupported; the message says what was found.
Result<ClientPrograms> find_client_programs(const Context& ctx, const std::string& bin_dir,
                                            const std::string& search_path, int wanted);

/// A connection string of a database's name alone: as it is, a name such as "a=b" would be taken for a string itself.
std::string conninfo_of_database(std::string_view name);

/// A program whose standard output is read and whose words are kept for the error.
class ClientProgram {
 public:
  /// environment: what libpq needs; a path and a locale are added.
  static Result<std::unique_ptr<ClientProgram>> start(std::vector<std::string> arguments,
                                                      std::map<std::string, std::string> environment);
  /// Output, short at will; 0 at its end. Errors: cancelled, io.
  Result<std::size_t> read(const Context& ctx, std::span<std::byte> buffer);
  /// Waits. Errors: io when its exit code is not 0, with the end of its words; cancelled.
  Result<void> finish(const Context& ctx);
  /// What it wrote to its standard error so far; the last 64 KiB.
  std::string words() const;
  /// Gives every line of it, from the first to the last; one longer than 64 KiB comes in parts.
  Result<void> each_line(const std::function<Result<void>(std::string_view line)>& visit) const;

 private:
  ClientProgram() = default;
  std::string name_;
  base::UniqueFd output_, errors_;
  std::unique_ptr<Child> child_;
};

/// Starts, reads the output to its end, waits. Gives the output (at most 64 KiB of it) and the end of its words;
/// judge, if any, is given every line of the words when the program succeeded, and its error ends the run.
Result<std::string> run_client_program(const Context& ctx, std::vector<std::string> arguments,
                                       std::map<std::string, std::string> environment,
                                       const std::function<Result<void>(std::string_view line)>& judge = {});

/// Gives every line of the output of a program, whatever its size. Errors: visit's; as ClientProgram.
Result<void> read_program_lines(const Context& ctx, std::vector<std::string> arguments,
                                std::map<std::string, std::string> environment,
                                const std::function<Result<void>(std::string_view line)>& visit);

/// Looks at one line of psql's words with VERBOSITY=verbose in a session of client_min_messages=error: what has a
/// SQLSTATE there is a failure, in whatever language the server names its severity. A role or another object that is
/// there already is none. Errors: io, with the server's message and the line of the script.
Result<void> judge_psql_line(std::string_view line);

}  // namespace drkit::systems::postgres
