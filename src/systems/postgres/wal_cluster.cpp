#include "systems/postgres/wal_cluster.hpp"

#include <filesystem>
#include <set>

#include "base/text_file.hpp"
#include "systems/postgres/control_file.hpp"
#include "systems/postgres/wal_segment_size.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

Result<ClusterFacts> read_control(const std::string& path) {
  DRKIT_ASSIGN(const auto text, base::read_text_file(path));
  if (!text) return Error(ErrorCode::not_found, "no data directory with this pg_wal").with("path", path);
  auto control = parse_control_file(as_bytes(*text));
  if (!control) return std::move(control).error().with("path", path);
  return ClusterFacts{control->system_id, control->wal_segment_bytes};
}

}  // namespace

Result<ClusterFacts> cluster_near(const std::string& path, std::optional<std::uint64_t> known) {
  // pg_wal may be a link to elsewhere: the path as it is written leads to the data directory.
  fs::path folder = fs::path(path).parent_path();
  if (folder.filename() == "archive_status") folder = folder.parent_path();
  const fs::path data = folder.empty() ? fs::path("..") : folder.parent_path();
  Result<ClusterFacts> found = read_control(((data.empty() ? fs::path(".") : data) / "global/pg_control").string());
  if (!known) return found;
  // Rewritten in place while the server runs: what the caller says needs no second look at it.
  if (found && found->system_id == *known) return found;
  return ClusterFacts{*known, found ? found->segment_bytes : ClusterFacts().segment_bytes};
}

Result<std::uint64_t> system_id_near(const std::string& path) {
  DRKIT_ASSIGN(const ClusterFacts facts, cluster_near(path));
  return facts.system_id;
}

Result<ClusterFacts> cluster_for(const Context& ctx, const WalArchive& archive, const std::string& destination,
                                 std::optional<std::uint64_t> known) {
  const Result<ClusterFacts> near = cluster_near(destination);
  if (near && (!known || near->system_id == *known)) return near;
  if (!known && near.error().code() != ErrorCode::not_found) return near;
  DRKIT_ASSIGN(const std::vector<WalObject> objects, archive.list(ctx, known));
  std::set<std::uint64_t> clusters;
  std::vector<WalName> names;
  for (const WalObject& object : objects) {
    clusters.insert(object.name.system_id);
    names.push_back(object.name);
  }
  if (known) clusters = {*known};
  if (clusters.empty()) return Error(ErrorCode::not_found, "the repository holds no log");
  if (clusters.size() > 1) {
    std::string list;
    for (const std::uint64_t id : clusters) list += (list.empty() ? "" : ", ") + std::to_string(id);
    return Error(ErrorCode::invalid_argument,
                 "the repository holds the log of several clusters: say which one by its system identifier: " + list);
  }
  ClusterFacts facts;
  facts.system_id = *clusters.begin();
  DRKIT_ASSIGN(facts.segment_bytes, segment_size_of(ctx, archive, facts.system_id, names));
  return facts;
}

}  // namespace drkit::systems::postgres
