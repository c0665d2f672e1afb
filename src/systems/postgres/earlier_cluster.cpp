#include "systems/postgres/earlier_cluster.hpp"

#include <algorithm>

#include "systems/postgres/backup_manifest.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::uint64_t kMaxManifestBytes = 256 << 20;
constexpr std::size_t kListedProblems = 1000;

std::string value_of(const SourceReceipt& receipt, const std::string& key) {
  const auto found = receipt.find(key);
  return found == receipt.end() ? std::string() : found->second;
}

// Why pages do not tell what changed since that backup; "": they do.
std::string why_not_pages(const SourceReceipt& receipt, const ClusterNow& now) {
  const std::string timeline = std::to_string(now.timeline);
  const bool promised = !now.page_promise.empty() && value_of(receipt, "page_changes") == now.page_promise;
  if (!promised) return "the server did not write the position of every change into its page";
  const bool one_line = value_of(receipt, "timeline") == timeline && value_of(receipt, "end_timeline") == timeline;
  if (!one_line) return "the timeline is another one";
  const auto end = parse_lsn(value_of(receipt, "end_lsn"));
  if (!end.ok() || *end > now.start) return "the cluster is older than the parent";
  if (value_of(receipt, "server_started") != now.server_started) return "the server was started anew since";
  const std::string id = value_of(receipt, "trail_id");
  if (id.empty()) return "the parent could not leave its trail in the data directory";
  const bool lived = std::find(now.trail.begin(), now.trail.end(), id) != now.trail.end();
  return lived ? "" : "the data directory does not hold the trail of the parent";
}

}  // namespace

Result<std::optional<EarlierCluster>> understand_earlier(const Context& ctx, const EarlierSnapshot& earlier,
                                                         const ClusterNow& now) {
  const SourceReceipt& receipt = earlier.receipt;
  if (value_of(receipt, "mode") != "local" || value_of(receipt, "system_id") != now.system_id) {
    return std::optional<EarlierCluster>();
  }
  // A list this long may have been cut: some damaged file would be missed.
  if (earlier.problems.size() >= kListedProblems) return std::optional<EarlierCluster>();
  EarlierCluster cluster;
  cluster.full_because = why_not_pages(receipt, now);
  const auto start = parse_lsn(value_of(receipt, "start_lsn"));
  if (cluster.full_because.empty() && start.ok()) cluster.unchanged_below = *start;
  if (!cluster.full_because.empty()) {
    ctx.write_log(LogLevel::info, "files that changed are stored anew and not by pages: " + cluster.full_because);
  }
  for (const Problem& problem : earlier.problems) cluster.damaged.insert(problem.path);
  auto text = earlier.read("backup_manifest", kMaxManifestBytes);
  if (!text.ok() && text.error().code() == ErrorCode::cancelled) return std::move(text).error();
  if (!text.ok() || !*text) {
    ctx.write_log(LogLevel::warning, "the manifest of the earlier snapshot cannot be read: every file is read");
    return std::optional<EarlierCluster>();
  }
  const auto facts = read_backup_manifest(as_text(**text), [&cluster](const ManifestFile& file) -> Result<void> {
    if (const auto crc = crc32c_of(file)) cluster.files.emplace(file.path, EarlierCluster::File{file.size_bytes, *crc});
    return {};
  });
  if (!facts.ok()) {
    ctx.write_log(LogLevel::warning, "the manifest of the earlier snapshot is damaged: " + facts.error().to_string());
    return std::optional<EarlierCluster>();
  }
  return std::optional<EarlierCluster>(std::move(cluster));
}

}  // namespace drkit::systems::postgres
