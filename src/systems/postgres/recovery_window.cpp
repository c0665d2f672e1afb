// What can be recovered to, and what is wrong with the log.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "systems/postgres/base_points.hpp"
#include "systems/postgres/mark_search.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMostHeaders = 64;

/// What was read, for the windows of many snapshots end in the same objects.
class TimeReader {
 public:
  TimeReader(const Context& ctx, const WalArchive& archive) : ctx_(ctx), archive_(archive) {}

  /// Of the last transaction that ended in the object; 0 when there is none, or no such object any more.
  Result<std::int64_t> last_time(const WalName& name) {
    const auto key = std::tuple(name.kind, name.system_id, name.timeline, name.start, name.end);
    const auto known = times_.find(key);
    if (known != times_.end()) return known->second;
    const auto facts = archive_.facts(ctx_, name);
    if (!facts && facts.error().code() != ErrorCode::not_found) return facts.error();
    const std::int64_t time = facts && facts->commits > 0 ? facts->last_time_ns : 0;
    times_.emplace(key, time);
    return time;
  }

  /// Of the last transaction that ended before `to` in a segment that still grows: only its bytes tell.
  Result<std::int64_t> last_time_growing(const WalMap& map, const Path& path, const WalName& name, Lsn to) {
    const auto key = std::tuple(WalKind::segment, name.system_id, name.timeline, name.start, to);
    const auto known = times_.find(key);
    if (known != times_.end()) return known->second;
    DRKIT_ASSIGN(const std::int64_t time, MarkSearch(ctx_, archive_, map, path).time_at(to));
    times_.emplace(key, time);
    return time;
  }

 private:
  const Context& ctx_;
  const WalArchive& archive_;
  std::map<std::tuple<WalKind, std::uint64_t, TimelineId, Lsn, Lsn>, std::int64_t> times_;
};

// The newest transaction end before `to`; headers tell it, and an idle stretch of the log is passed over.
Result<std::int64_t> last_time_before(TimeReader& times, const WalMap& map, const Path& path, Lsn from, Lsn to) {
  std::vector<WalName> objects = map.objects_between(path, from, to);
  std::reverse(objects.begin(), objects.end());
  if (objects.size() > kMostHeaders) objects.resize(kMostHeaders);
  bool scanned = false;
  for (const WalName& name : objects) {
    std::int64_t time = 0;
    if (name.kind == WalKind::segment) {
      DRKIT_ASSIGN(time, times.last_time(name));
    } else if (!std::exchange(scanned, true)) {
      DRKIT_ASSIGN(time, times.last_time_growing(map, path, name, to));
    }
    if (time != 0) return time;
  }
  return std::int64_t{0};
}

// Timelines on which the backup lies and that no other one continues from behind it: each is a way of its own.
std::vector<TimelineId> ways_from(const WalMap& map, const BasePoint& point) {
  std::vector<TimelineId> ways;
  for (const auto& [id, timeline] : map.timelines()) {
    const auto path = map.path_to(id);
    if (path && lies_on(point, *path)) ways.push_back(id);
  }
  if (ways.empty()) ways.push_back(point.timeline);
  return ways;
}

Result<RecoveryWindow> window_of(TimeReader& times, const WalMap& map, const BasePoint& point, TimelineId timeline) {
  RecoveryWindow window;
  window.system_id = point.system_id;
  window.snapshot = point.snapshot.id;
  window.timeline = timeline;
  window.start_lsn = point.end_lsn;
  window.start_time_ns = point.end_time_ns;
  auto path = map.path_to(timeline);
  if (!path) path = Path{{timeline, 0, ~Lsn{0}}};
  window.end_lsn = reach_from(map, *path, point);
  window.ended_by = map.why_it_ends(*path, window.end_lsn);
  DRKIT_ASSIGN(const std::int64_t last, last_time_before(times, map, *path, point.log_from, window.end_lsn));
  window.end_time_ns = std::max(window.start_time_ns, last);
  return window;
}

Result<std::vector<RecoveryWindow>> windows_of(const Context& ctx, const Repository& repository,
                                               const std::map<std::uint64_t, WalMap>& maps) {
  const WalArchive archive(repository);
  DRKIT_ASSIGN(std::vector<BasePoint> points, load_base_points(ctx, repository));
  for (const auto& [system_id, map] : maps) DRKIT_TRY(connect_with_log(ctx, repository, map, points));
  TimeReader times(ctx, archive);
  static const WalMap kNone;
  std::vector<RecoveryWindow> windows;
  for (const BasePoint& point : points) {
    const auto found = maps.find(point.system_id);
    const WalMap& map = found == maps.end() ? kNone : found->second;
    for (const TimelineId timeline : ways_from(map, point)) {
      DRKIT_TRY(ctx.check_cancelled());
      DRKIT_ASSIGN(RecoveryWindow window, window_of(times, map, point, timeline));
      windows.push_back(std::move(window));
    }
  }
  return windows;
}

WalTimeline describe(const WalMap& map, TimelineId id, const TimelineMap& timeline) {
  WalTimeline value;
  value.system_id = map.system_id();
  value.timeline = id;
  value.has_history = id == 1 || timeline.has_history;
  value.spans = timeline.spans;
  if (!timeline.history.empty()) {
    value.parent = timeline.history.back().timeline;
    value.switch_lsn = timeline.history.back().switch_lsn;
    value.reason = timeline.history.back().reason;
  }
  return value;
}

void find_problems(const WalMap& map, std::vector<WalProblem>& problems) {
  const std::uint64_t system_id = map.system_id();
  for (const WalName& gap : map.gaps()) {
    problems.push_back({"wal_gap", system_id, gap.timeline, gap.start, gap.end, "this part of the log is lost"});
  }
  for (const auto& [id, timeline] : map.timelines()) {
    if (id > 1 && !timeline.has_history) {
      problems.push_back({"wal_history_missing", system_id, id, 0, 0, "nobody knows where this timeline began"});
    }
    if (!timeline.history_problem.empty()) {
      problems.push_back({"wal_history_damaged", system_id, id, 0, 0, timeline.history_problem});
    }
    for (std::size_t at = 1; at < timeline.spans.size(); ++at) {
      const Lsn from = timeline.spans[at - 1].end, to = timeline.spans[at].start;
      const bool recorded = std::any_of(map.gaps().begin(), map.gaps().end(), [&](const WalName& gap) {
        return gap.timeline == id && gap.start <= from && gap.end >= to;
      });
      if (!recorded)
        problems.push_back({"wal_hole", system_id, id, from, to, "log between two stored parts is missing"});
    }
  }
}

void find_lonely_snapshots(const std::map<std::uint64_t, WalMap>& maps, const std::vector<RecoveryWindow>& windows,
                           std::vector<WalProblem>& problems) {
  std::set<std::string> connected;
  for (const RecoveryWindow& window : windows) {
    if (window.end_lsn > window.start_lsn) connected.insert(window.snapshot);
  }
  for (const RecoveryWindow& window : windows) {
    if (connected.contains(window.snapshot) || !maps.contains(window.system_id)) continue;
    connected.insert(window.snapshot);
    problems.push_back({"wal_snapshot_unreachable", window.system_id, window.timeline, window.start_lsn,
                        window.start_lsn, "the log does not connect with snapshot " + window.snapshot.substr(0, 8)});
  }
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<std::vector<RecoveryWindow>> recovery_window(const Context& ctx, const Repository& repository) {
  using namespace systems::postgres;
  if (repository.role() != KeyRole::full) {
    return Error(ErrorCode::permission_denied, "this key may not read what snapshots say about the log");
  }
  DRKIT_ASSIGN(const auto maps, WalMap::load(ctx, WalArchive(repository)));
  return windows_of(ctx, repository, maps);
}

Result<WalReport> verify_wal(const Context& ctx, const Repository& repository) {
  using namespace systems::postgres;
  if (repository.role() != KeyRole::full) {
    return Error(ErrorCode::permission_denied, "this key may not read what snapshots say about the log");
  }
  DRKIT_ASSIGN(const auto maps, WalMap::load(ctx, WalArchive(repository)));
  WalReport report;
  DRKIT_ASSIGN(report.windows, windows_of(ctx, repository, maps));
  for (const auto& [system_id, map] : maps) {
    for (const auto& [id, timeline] : map.timelines()) report.timelines.push_back(describe(map, id, timeline));
    find_problems(map, report.problems);
  }
  find_lonely_snapshots(maps, report.windows, report.problems);
  return report;
}

}  // namespace drkit
