// What a restore of dumps asks of the server besides pg_restore: roles, tablespaces, a database made apart.
#pragma once

#include <string>
#include <vector>

#include <drkit/postgres.hpp>

#include "systems/postgres/client_program.hpp"
#include "systems/postgres/connection.hpp"

namespace drkit::systems::postgres {

/// All of it is borrowed.
struct DumpServer {
  Connection& connection;
  const ClientPrograms& programs;
  const PostgresDumpRestoreOptions& options;
  const std::string& folder;  ///< private, for scripts
};

struct DumpFile {
  std::string path;
  bool creates = false;  ///< its database, too
};

/// Runs the script of pg_dumpall --globals-only, with tablespaces in their new places or left out.
/// Errors: io with the server's message and the statement, passwords left out.
Result<void> run_script(const Context& ctx, const DumpServer& server, const std::string& script);

/// Before anything is changed. globals: file of the script, "" for none. Errors: precondition_failed (the server has no
/// folder for a tablespace, or one that is in use), not_found (a dump needs a tablespace that nothing makes; a mapping
/// of no tablespace).
Result<void> check_dump_tablespaces(const Context& ctx, const DumpServer& server, const std::string& globals,
                                    const std::vector<DumpFile>& files);

/// Makes the database of a dump with its owner and settings, in the server's default tablespace.
Result<void> make_database_apart(const Context& ctx, const DumpServer& server, const std::string& dump);

}  // namespace drkit::systems::postgres
