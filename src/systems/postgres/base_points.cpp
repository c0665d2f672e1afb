#include "systems/postgres/base_points.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include <drkit/restore.hpp>

namespace drkit::systems::postgres {
namespace {

template <class Number>
std::optional<Number> number_of(const std::map<std::string, std::string>& receipt, const char* key) {
  const auto found = receipt.find(key);
  if (found == receipt.end()) return std::nullopt;
  Number value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Lsn> lsn_of(const std::map<std::string, std::string>& receipt, const char* key) {
  const auto found = receipt.find(key);
  if (found == receipt.end()) return std::nullopt;
  const auto lsn = parse_lsn(found->second);
  return lsn ? std::optional(*lsn) : std::nullopt;
}

}  // namespace

std::optional<BasePoint> base_point_of(const Snapshot& snapshot) {
  const bool usable = snapshot.status == Status::complete || snapshot.status == Status::partial;
  if (snapshot.source_kind != "postgres" || !usable) return std::nullopt;
  const auto& receipt = snapshot.receipt;
  const auto system_id = number_of<std::uint64_t>(receipt, "system_id");
  const auto timeline = number_of<TimelineId>(receipt, "timeline");
  const auto start = lsn_of(receipt, "start_lsn"), end = lsn_of(receipt, "end_lsn");
  if (!system_id || !timeline || !start || !end) return std::nullopt;
  const auto end_timeline = number_of<TimelineId>(receipt, "end_timeline");
  return BasePoint{.snapshot = snapshot,
                   .system_id = *system_id,
                   .start_timeline = *timeline,
                   .timeline = end_timeline.value_or(*timeline),
                   .start_lsn = *start,
                   .end_lsn = *end,
                   .log_from = *end,
                   .end_time_ns = snapshot.time_ns + snapshot.stats.duration_ns,
                   .checkpoint_lsn = lsn_of(receipt, "checkpoint_lsn").value_or(0),
                   .segment_bytes = number_of<std::uint64_t>(receipt, "wal_segment_bytes").value_or(0),
                   .partial = snapshot.status != Status::complete,
                   .other_log = {}};
}

Result<std::vector<BasePoint>> load_base_points(const Context& ctx, const Repository& repository) {
  if (repository.role() != KeyRole::full) {
    return Error(ErrorCode::permission_denied, "this key may not read what snapshots say about the log");
  }
  // A damaged snapshot is no base; the others are still the way back.
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(const std::vector<Snapshot> snapshots, repository.snapshots(ctx, {}, &damaged));
  for (const DamagedSnapshot& snapshot : damaged) {
    ctx.write_log(LogLevel::warning, "a snapshot is damaged: " + snapshot.error.to_string());
  }
  std::vector<BasePoint> points;
  for (const Snapshot& snapshot : snapshots) {
    if (auto point = base_point_of(snapshot)) points.push_back(std::move(*point));
  }
  std::stable_sort(points.begin(), points.end(), [](const BasePoint& a, const BasePoint& b) {
    return std::tuple(a.system_id, a.end_lsn, a.snapshot.time_ns) <
           std::tuple(b.system_id, b.end_lsn, b.snapshot.time_ns);
  });
  return points;
}

Result<void> connect_with_log(const Context& ctx, const Repository& repository, const WalMap& map,
                              std::vector<BasePoint>& points) {
  const std::uint64_t size = map.segment_bytes();
  for (BasePoint& point : points) {
    const Path own{{point.timeline, 0, ~Lsn{0}}};
    const auto origin = point.snapshot.receipt.find("backup_from");
    const bool primary = origin != point.snapshot.receipt.end() && origin->second == "primary";
    if (point.system_id != map.system_id() || !primary || map.reach(own, point.end_lsn) > point.end_lsn) continue;
    const Lsn next = (point.end_lsn + size - 1) / size * size;
    const std::string file = "pg_wal/" + wal_file_name({point.timeline, (next - 1) / size}, size);
    bool held = false;
    const auto listed = list_entries(ctx, repository, point.snapshot, file, [&](const Entry& entry) {
      held = entry.path == file && entry.size_bytes == size;
      return false;
    });
    // A backup without log has no such file; damage of one snapshot says nothing about the others.
    const bool told =
        listed || listed.error().code() == ErrorCode::not_found || listed.error().code() == ErrorCode::corrupt;
    if (!told) return listed.error();
    if (held) point.log_from = next;
  }
  return {};
}

Lsn reach_from(const WalMap& map, const Path& path, const BasePoint& point) {
  if (!point.other_log.empty()) return point.end_lsn;
  const Lsn end = map.reach(path, point.log_from);
  return end > point.log_from ? end : point.end_lsn;
}

bool lies_on(const BasePoint& point, const Path& path) {
  bool start = false, end = false;
  for (const PathPart& part : path) {
    start =
        start || (part.timeline == point.start_timeline && point.start_lsn >= part.begin && point.start_lsn < part.end);
    end = end || (part.timeline == point.timeline && point.end_lsn >= part.begin && point.end_lsn <= part.end);
  }
  return start && end;
}

}  // namespace drkit::systems::postgres
