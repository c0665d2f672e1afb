#include <drkit/postgres.hpp>
#include <drkit/registry.hpp>
#include <drkit/snapshot.hpp>
#include <drkit/sources.hpp>

#include "base/url.hpp"
#include "registry/path_address.hpp"

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
    const auto make = [](std::string root) { return make_filesystem_target(std::move(root)); };
    return make_postgres_target(make, std::move(path), std::move(postgres));
  }
  if (tablespaces) {
    return Error(ErrorCode::invalid_argument, "only a snapshot of PostgreSQL has tablespaces")
        .with("source", snapshot.source_kind);
  }
  return make_filesystem_target(std::move(path));
}

}  // namespace

Result<std::unique_ptr<RestoreTarget>> open_target(const Context&, std::string_view address, const Snapshot& snapshot,
                                                   const TargetOptions& options) {
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
    const std::string_view rest = address.substr(address.find(':') + 1);
    return make_postgres_dump_target(std::string(rest.starts_with("//") ? address : rest), snapshot.receipt);
  }
  if (scheme.empty() || scheme == "file") {
    DRKIT_ASSIGN(std::string path, registry::directory_of(address));
    return open_directory(std::move(path), snapshot, options);
  }
  return Error(ErrorCode::unsupported, "this build has no target with this scheme").with("scheme", scheme);
}

}  // namespace drkit
