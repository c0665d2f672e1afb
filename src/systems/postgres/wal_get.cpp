// get: files of the log out of the repository.
#include <algorithm>
#include <cstring>

#include <drkit/wal_files.hpp>

#include "base/ordered_pool.hpp"
#include "systems/postgres/wal_cluster.hpp"
#include "systems/postgres/wal_file_name.hpp"
#include "systems/postgres/wal_pieces.hpp"
#include "systems/postgres/wal_segment.hpp"
#include "systems/postgres/wal_spool.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr unsigned kThreads = 4;

struct Fetched {
  Result<SegmentBytes> segment = SegmentBytes{};
};

Error not_kept(const std::string& file_name) {
  return Error(ErrorCode::not_found, "the repository does not hold this file of the log").with("file", file_name);
}

Result<WalName> name_of(const WalFileName& file, const ClusterFacts& cluster, const std::string& file_name) {
  const auto name = object_of_file(file, cluster.system_id, cluster.segment_bytes);
  if (!name) return Error(ErrorCode::invalid_argument, "no such segment at this segment size").with("file", file_name);
  return *name;
}

class Getter {
 public:
  Getter(const Context& ctx, const WalArchive& archive, const WalGetOptions& options, ClusterFacts cluster)
      : ctx_(ctx), archive_(archive), options_(options), cluster_(cluster) {}

  Result<void> get_segment(const WalName& name, const std::string& destination) const;

 private:
  Fetched fetch(const WalName& name) const { return {read_segment(ctx_, archive_, name)}; }
  Result<void> allow_damage(const SegmentBytes& segment) const;
  void keep(const WalName& name, const Fetched& fetched) const;

  const Context& ctx_;
  const WalArchive& archive_;
  const WalGetOptions& options_;
  ClusterFacts cluster_;
};

// What was put together of pieces may have grown by the time it is asked for.
void Getter::keep(const WalName& name, const Fetched& fetched) const {
  if (!fetched.segment || !fetched.segment->whole) return;
  const auto kept =
      keep_fetched(options_.spool, name.system_id, wal_file_of(name, cluster_.segment_bytes), fetched.segment->bytes);
  if (!kept) ctx_.write_log(LogLevel::warning, "a fetched segment was not kept: " + kept.error().to_string());
}

// Zeros behind damage are the end of the log to a server, which would open for writing there.
Result<void> Getter::allow_damage(const SegmentBytes& segment) const {
  if (!segment.damaged) return {};
  const std::string what = "the stored log behind " + format_lsn(segment.end) + " is damaged";
  if (!options_.up_to_damage) {
    return Error(ErrorCode::corrupt, what + "; what lies before it is delivered when that is asked for (up_to_damage)");
  }
  ctx_.write_log(LogLevel::warning, what + ": what lies before it is delivered");
  return {};
}

Result<void> Getter::get_segment(const WalName& name, const std::string& destination) const {
  const std::uint64_t size = cluster_.segment_bytes;
  std::vector<WalName> wanted{name};
  const bool ahead = !options_.spool.directory.empty();
  for (unsigned i = 1; ahead && i <= options_.prefetch; ++i) {
    wanted.push_back({WalKind::segment, name.system_id, name.timeline, name.start + i * size, name.end + i * size});
  }
  base::OrderedPool<WalName, Fetched> pool(std::min<unsigned>(kThreads, static_cast<unsigned>(wanted.size())),
                                           wanted.size(), [&](unsigned, WalName&& each) { return fetch(each); });
  for (const WalName& each : wanted) pool.push(each);
  Fetched first = std::move(*pool.pop(true));
  Result<void> delivered = first.segment ? allow_damage(*first.segment) : first.segment.error();
  if (delivered) delivered = deliver(destination, first.segment->bytes);
  if (!first.segment && first.segment.error().code() == ErrorCode::not_found) {
    delivered = not_kept(wal_file_of(name, size));
  }
  first = {};
  for (std::size_t i = 1; i < wanted.size(); ++i) keep(wanted[i], *pool.pop(true));
  if (ahead) drop_fetched_before(options_.spool, name.system_id, wal_file_of(name, size));
  return delivered;
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<void> get_wal(const Context& ctx, const WalArchive& archive, const std::string& file_name,
                     const std::string& destination, const WalGetOptions& options) {
  using namespace systems::postgres;
  const auto file = parse_file_name(file_name);
  if (!file) return Error(ErrorCode::invalid_argument, "the name is none of a file of the log").with("file", file_name);
  DRKIT_ASSIGN(const ClusterFacts cluster, cluster_for(ctx, archive, destination, options.system_id));
  DRKIT_ASSIGN(const WalName name, name_of(*file, cluster, file_name));
  if (file->kind == WalKind::segment) return Getter(ctx, archive, options, cluster).get_segment(name, destination);
  const auto bytes = archive.get(ctx, name);
  if (!bytes && bytes.error().code() == ErrorCode::not_found) return not_kept(file_name);
  DRKIT_TRY(bytes);
  return deliver(destination, *bytes);
}

}  // namespace drkit
