#include <drkit/postgres.hpp>
#include <drkit/registry.hpp>
#include <drkit/snapshot.hpp>
#include <drkit/sources.hpp>

#include "base/url.hpp"
#include "registry/path_address.hpp"
#include "registry/search_path.hpp"

namespace drkit {
namespace {

constexpr int kStandardOutput = 1;

Result<std::unique_ptr<RestoreTarget>> open_directory(std::string path, const Snapshot& snapshot,
                                                      const TargetOptions& options) {
  const bool tablespaces = !options.tablespaces.empty() || !options.all_tablespaces_under.empty();
  if (snapshot.source_kind == "postgres") {
    PostgresRestoreOptions postgres;
    postgres.tablespaces = options.tablespaces;
    if (!options.all_tablespaces_under.empty()) postgres.all_tablespaces_under = options.all_tablespaces_under;
    postgres.receipt = snapshot.receipt;
    postgres.keep_standby = options.keep_standby;
    const auto make = [](std::string root) {
      return make_filesystem_target(std::move(root), {.skip_unsupported_attributes = false, .open_parents = true});
    };
    return make_postgres_target(make, std::move(path), std::move(postgres));
  }
  if (tablespaces) {
    return Error(ErrorCode::invalid_argument, "only a snapshot of PostgreSQL has tablespaces")
        .with("source", snapshot.source_kind);
  }
  return make_filesystem_target(std::move(path));
}

Result<std::unique_ptr<RestoreTarget>> open_server(std::string_view address, const Snapshot& snapshot,
                                                   const TargetOptions& options) {
  if (!options.all_tablespaces_under.empty()) {
    return Error(ErrorCode::invalid_argument,
                 "the folders of a server's tablespaces must be there: a dump takes a mapping for each");
  }
  PostgresDumpRestoreOptions dump;
  dump.bin_dir = options.bin_dir;
  dump.search_path = registry::search_path();
  dump.jobs = options.jobs;
  dump.tablespaces = options.tablespaces;
  dump.no_tablespaces = options.no_tablespaces;
  DRKIT_ASSIGN(std::string conninfo, conninfo_of_address(address));
  return make_postgres_dump_target(std::move(conninfo), snapshot.receipt, std::move(dump));
}

// An option that would do nothing is refused: who gives it relies on it.
Result<void> refuse_useless(std::string_view address, const Snapshot& snapshot, const TargetOptions& options) {
  const auto useless = [](const char* option, const char* meant_for) {
    return Error(ErrorCode::invalid_argument, std::string("the option is for ") + meant_for + " alone")
        .with("option", option);
  };
  const std::string scheme = base::scheme_of(address);
  const bool server = scheme == "postgres" || scheme == "postgresql";
  if (options.keep_standby && snapshot.source_kind != "postgres") {
    return useless("keep_standby", "clusters of PostgreSQL");
  }
  if (!server && !options.bin_dir.empty()) return useless("bin_dir", "dumps that go to a server");
  if (!server && options.no_tablespaces) return useless("no_tablespaces", "dumps that go to a server");
  return {};
}

}  // namespace

Result<std::unique_ptr<RestoreTarget>> open_target(const Context&, std::string_view address, const Snapshot& snapshot,
                                                   const TargetOptions& options) {
  DRKIT_TRY(refuse_useless(address, snapshot, options));
  if (address == "-") return make_stdout_target(kStandardOutput);
  const std::string scheme = base::scheme_of(address);
  if (scheme == "exec") {
    const std::string_view command = address.substr(std::string_view("exec:").size());
    if (command.empty()) return Error(ErrorCode::invalid_argument, "a command must follow exec:");
    return make_process_target(std::string(command));
  }
  if (scheme == "postgres" || scheme == "postgresql") {
    if (snapshot.source_kind != "postgres-dump") {
      return Error(ErrorCode::invalid_argument, "only dumps are restored into a running server")
          .with("source", snapshot.source_kind);
    }
    return open_server(address, snapshot, options);
  }
  if (scheme.empty() || scheme == "file") {
    DRKIT_ASSIGN(std::string path, registry::directory_of(address));
    return open_directory(std::move(path), snapshot, options);
  }
  return Error(ErrorCode::unsupported, "this build has no target with this scheme").with("scheme", scheme);
}

}  // namespace drkit
