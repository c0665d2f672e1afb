// The data directory of a server on this machine, and the proof that it is that server's.
#pragma once

#include <string>

#include "base/posix_file.hpp"
#include "systems/postgres/control_file.hpp"
#include "systems/postgres/local_session.hpp"

namespace drkit::systems::postgres {

struct LocalPlace {
  std::string path;
  base::UniqueFd root;
  ControlFile control;
};

/// Opens the directory (path, or where the server says it is) and compares it with the server: system identifier,
/// process file (place, start time, port). A standby of the same cluster, or the same path in another container,
/// differs there. Errors: precondition_failed (another server's), permission_denied, not_found, corrupt.
Result<LocalPlace> open_local_place(const Context& ctx, const ServerFacts& facts, const std::string& path);

/// global/pg_control, read until its checksum fits: the server may be writing it. text: its bytes.
Result<ControlFile> read_control(const Context& ctx, int root, std::string& text);

/// What only the same directory can show: the newest checkpoint by SQL and by file are one.
Result<void> compare_checkpoints(const Context& ctx, LocalSession& session, const LocalPlace& place);

/// "PG_15_202209061": where this server keeps its files in a tablespace.
std::string tablespace_folder(int server_version, const ControlFile& control);

}  // namespace drkit::systems::postgres
