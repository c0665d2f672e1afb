#include <drkit/postgres.hpp>
#include <drkit/registry.hpp>
#include <drkit/sources.hpp>

#include <limits>

#include "base/url.hpp"
#include "registry/path_address.hpp"
#include "registry/search_path.hpp"

namespace drkit {
namespace {

Result<PostgresMode> postgres_mode(const std::string& name) {
  if (name == "auto") return PostgresMode::automatic;
  if (name == "stream") return PostgresMode::stream;
  if (name == "local") return PostgresMode::local;
  return Error(ErrorCode::invalid_argument, "mode is auto, stream or local").with("mode", name);
}

Result<PostgresWhat> postgres_what(const std::string& name) {
  if (name == "cluster") return PostgresWhat::cluster;
  if (name == "dump") return PostgresWhat::dump;
  return Error(ErrorCode::invalid_argument, "what is cluster or dump").with("what", name);
}

Result<std::unique_ptr<Source>> open_postgres(std::string_view address, const SourceOptions& options) {
  PostgresOptions postgres;
  DRKIT_ASSIGN(postgres.mode, postgres_mode(options.mode));
  DRKIT_ASSIGN(postgres.what, postgres_what(options.what));
  if (options.max_rate_kib > std::numeric_limits<std::uint32_t>::max()) {
    return Error(ErrorCode::invalid_argument, "the rate is above what the server takes");
  }
  postgres.max_rate_kib = static_cast<std::uint32_t>(options.max_rate_kib);
  postgres.databases = options.databases;
  postgres.bin_dir = options.bin_dir;
  postgres.search_path = registry::search_path();
  DRKIT_ASSIGN(std::string conninfo, conninfo_of_address(address));
  return make_postgres_source(std::move(conninfo), postgres);
}

// An option that would do nothing is refused: who gives it relies on it.
Result<void> refuse(bool given, std::string_view option, std::string_view meant_for, const std::string& source) {
  if (!given) return {};
  return Error(ErrorCode::invalid_argument, "the option is for " + std::string(meant_for) + " alone")
      .with("option", std::string(option))
      .with("source", source);
}

Result<void> refuse_useless(const SourceOptions& options, const std::string& scheme) {
  const bool tree = scheme.empty() || scheme == "file", postgres = scheme == "postgres" || scheme == "postgresql";
  if (!tree && !postgres && scheme != "exec") return {};
  const std::string source = tree ? "directory" : scheme;
  constexpr std::string_view kTrees = "directories", kServers = "PostgreSQL", kClusters = "clusters of PostgreSQL";
  DRKIT_TRY(refuse(!tree && !options.excludes.empty(), "excludes", kTrees, source));
  DRKIT_TRY(refuse(!tree && options.one_file_system, "one_file_system", kTrees, source));
  DRKIT_TRY(refuse(!postgres && options.mode != "auto", "mode", kServers, source));
  DRKIT_TRY(refuse(!postgres && options.what != "cluster", "what", kServers, source));
  DRKIT_TRY(refuse(!postgres && options.max_rate_kib != 0, "max_rate_kib", kServers, source));
  DRKIT_TRY(refuse(scheme != "exec" && !options.name.empty(), "name", "commands", source));
  const bool dump = options.what == "dump";
  constexpr std::string_view kDumps = "dumps of PostgreSQL";
  DRKIT_TRY(refuse(!(postgres && dump) && !options.databases.empty(), "databases", kDumps, source));
  DRKIT_TRY(refuse(!(postgres && dump) && !options.bin_dir.empty(), "bin_dir", kDumps, source));
  DRKIT_TRY(refuse(dump && options.mode != "auto", "mode", kClusters, "dump"));
  return refuse(dump && options.max_rate_kib != 0, "max_rate_kib", kClusters, "dump");
}

}  // namespace

Result<std::unique_ptr<Source>> open_source(const Context&, std::string_view address, const SourceOptions& options) {
  const std::string scheme = base::scheme_of(address);
  DRKIT_TRY(refuse_useless(options, scheme));
  if (scheme == "postgres" || scheme == "postgresql") return open_postgres(address, options);
  if (scheme == "exec") {
    const std::string_view command = address.substr(std::string_view("exec:").size());
    if (command.empty()) return Error(ErrorCode::invalid_argument, "a command must follow exec:");
    return options.name.empty() ? make_process_source(std::string(command))
                                : make_process_source(std::string(command), options.name);
  }
  if (scheme.empty() || scheme == "file") {
    DRKIT_ASSIGN(std::string path, registry::directory_of(address));
    FilesystemOptions files;
    files.excludes = options.excludes;
    files.one_file_system = options.one_file_system;
    return make_filesystem_source(std::move(path), std::move(files));
  }
  return Error(ErrorCode::unsupported, "this build has no source with this scheme").with("scheme", scheme);
}

}  // namespace drkit
