// What can be recovered to, and what is wrong with the log.
#include <algorithm>
#include <set>
#include <tuple>

#include <drkit/wal_files.hpp>

#include "systems/postgres/log_origin.hpp"
#include "systems/postgres/log_times.hpp"
#include "systems/postgres/log_walk.hpp"

namespace drkit::systems::postgres {
namespace {

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

Result<RecoveryWindow> window_of(LogTimes& times, const WalMap& map, const BasePoint& point, TimelineId timeline) {
  RecoveryWindow window;
  window.system_id = point.system_id;
  window.snapshot = point.snapshot.id;
  window.timeline = timeline;
  window.start_lsn = point.end_lsn;
  window.start_time_ns = point.end_time_ns;
  auto path = map.path_to(timeline);
  if (!path) path = Path{{timeline, 0, ~Lsn{0}}};
  window.end_lsn = reach_from(map, *path, point);
  window.ended_by = point.other_log.empty() ? map.why_it_ends(*path, window.end_lsn) : "other history";
  DRKIT_ASSIGN(const std::int64_t last, window.end_lsn > point.end_lsn
                                            ? times.last_before(map, *path, point.log_from, window.end_lsn)
                                            : Result<std::int64_t>(std::int64_t{0}));
  window.end_time_ns = std::max(window.start_time_ns, last);
  window.proof = "names";
  return window;
}

/// Everything that is asked about windows is asked here, once.
struct Stored {
  std::map<std::uint64_t, WalMap> maps;
  std::vector<BasePoint> points;  ///< complete snapshots
  std::vector<BasePoint> partial;

  const WalMap& map_of(const BasePoint& point) const {
    static const WalMap kNone;
    const auto found = maps.find(point.system_id);
    return found == maps.end() ? kNone : found->second;
  }
};

Result<Stored> look(const Context& ctx, const Repository& repository) {
  Stored stored;
  DRKIT_ASSIGN(stored.maps, WalMap::load(ctx, WalArchive(repository)));
  DRKIT_ASSIGN(const std::vector<BasePoint> points, load_base_points(ctx, repository));
  for (const BasePoint& point : points) (point.partial ? stored.partial : stored.points).push_back(point);
  for (const auto& [system_id, map] : stored.maps) DRKIT_TRY(connect_with_log(ctx, repository, map, stored.points));
  return stored;
}

Result<std::vector<RecoveryWindow>> windows_of(const Context& ctx, const Repository& repository, const Stored& stored) {
  const WalArchive archive(repository);
  LogTimes times(ctx, archive);
  std::vector<RecoveryWindow> windows;
  for (const BasePoint& point : stored.points) {
    for (const TimelineId timeline : ways_from(stored.map_of(point), point)) {
      DRKIT_TRY(ctx.check_cancelled());
      DRKIT_ASSIGN(RecoveryWindow window, window_of(times, stored.map_of(point), point, timeline));
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

const char* what_is_wrong(const WalName& name) {
  return name.kind == WalKind::tail ? " is damaged: log in it cannot be read" : " is emptied or cut short";
}

void find_problems(const WalMap& map, std::vector<WalProblem>& problems) {
  const std::uint64_t system_id = map.system_id();
  for (const WalName& gap : map.gaps()) {
    problems.push_back({"wal_gap", system_id, gap.timeline, gap.start, gap.end, "this part of the log is lost"});
  }
  for (const WalName& name : map.damaged()) {
    problems.push_back({"wal_damaged", system_id, name.timeline, name.start, name.end,
                        "the stored " + std::string(wal_kind_name(name.kind)) + " " +
                            wal_file_of(name, map.segment_bytes()) + what_is_wrong(name)});
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
      const bool recorded = std::any_of(map.gaps().begin(), map.gaps().end(), [&, id = id](const WalName& gap) {
        return gap.timeline == id && gap.start <= from && gap.end >= to;
      });
      const bool told = std::any_of(map.damaged().begin(), map.damaged().end(), [&, id = id](const WalName& name) {
        return name.timeline == id && name.start <= from && name.end >= to;
      });
      if (!recorded && !told)
        problems.push_back({"wal_hole", system_id, id, from, to, "log between two stored parts is missing"});
    }
  }
}

// A backup of a standby ends in a segment that the primary has not finished: its log is still to come as long as what
// is stored leads into the backup and ends before its end.
bool is_still_to_come(const WalMap& map, const BasePoint& point) {
  Lsn furthest = 0;
  for (const TimelineId id : timelines_through(map, point)) {
    const auto found = map.timelines().find(id);
    if (found == map.timelines().end() || found->second.spans.empty()) continue;
    furthest = std::max(furthest, found->second.spans.back().end);
  }
  const std::uint64_t size = map.segment_bytes();
  return furthest <= point.end_lsn && furthest >= point.start_lsn / size * size;
}

void find_lonely_snapshots(const Stored& stored, const std::vector<RecoveryWindow>& windows,
                           std::vector<WalProblem>& problems) {
  std::set<std::string> connected;
  for (const RecoveryWindow& window : windows) {
    if (window.end_lsn > window.start_lsn) connected.insert(window.snapshot);
  }
  for (const BasePoint& point : stored.points) {
    const std::string name = "snapshot " + point.snapshot.id.substr(0, 8);
    if (!point.other_log.empty()) {
      problems.push_back(
          {"wal_other_history", point.system_id, point.timeline, point.end_lsn, point.end_lsn, point.other_log});
    } else if (!connected.contains(point.snapshot.id) && stored.maps.contains(point.system_id) &&
               !is_still_to_come(stored.map_of(point), point)) {
      problems.push_back({"wal_snapshot_unreachable", point.system_id, point.timeline, point.end_lsn, point.end_lsn,
                          "the log does not connect with " + name});
    }
  }
}

void find_partial_alone(const Stored& stored, std::vector<WalProblem>& problems) {
  std::set<std::uint64_t> told;
  for (const BasePoint& point : stored.points) told.insert(point.system_id);
  for (const BasePoint& point : stored.partial) {
    if (!told.insert(point.system_id).second) continue;
    problems.push_back({"wal_only_partial", point.system_id, point.timeline, point.end_lsn, point.end_lsn,
                        "only partial snapshots of this cluster exist, such as " + point.snapshot.id.substr(0, 8) +
                            ": the log leads on from none that is complete"});
  }
}

// One or two segments for each snapshot.
Result<void> compare_points(const Context& ctx, const Repository& repository, Stored& stored) {
  for (BasePoint& point : stored.points) {
    DRKIT_TRY(ctx.check_cancelled());
    if (!stored.maps.contains(point.system_id)) continue;
    DRKIT_ASSIGN(LogOrigin origin,
                 compare_origin(ctx, repository, point, timelines_through(stored.map_of(point), point)));
    point.other_log = std::move(origin.different);
  }
  return {};
}

void shorten(RecoveryWindow& window, const LogWalk& walk) {
  if (walk.good_until >= window.end_lsn) return;
  window.end_lsn = std::max(window.start_lsn, walk.good_until);
  window.ended_by = "damaged";
}

// Each stretch is read once: what a window shares with the one before it on the same timeline was read there.
Result<void> read_windows(const Context& ctx, const Repository& repository, const Stored& stored, WalReport& report) {
  const WalArchive archive(repository);
  LogTimes times(ctx, archive);
  struct Done {
    Lsn from = 0;
    Lsn to = 0;
    LogWalk walk;
  };
  std::map<std::tuple<std::uint64_t, TimelineId>, std::vector<Done>> done;
  for (RecoveryWindow& window : report.windows) {
    const auto point = std::find_if(stored.points.begin(), stored.points.end(),
                                    [&](const BasePoint& each) { return each.snapshot.id == window.snapshot; });
    window.proof = "content";
    if (window.end_lsn <= window.start_lsn) continue;
    const WalMap& map = stored.map_of(*point);
    auto path = map.path_to(window.timeline);
    if (!path) path = Path{{window.timeline, 0, ~Lsn{0}}};
    const Lsn begin = map.reach(*path, point->start_lsn) < point->log_from ? point->log_from : point->start_lsn;
    auto& known = done[{window.system_id, window.timeline}];
    auto same = std::find_if(known.begin(), known.end(), [&](const Done& each) {
      return begin >= each.from && window.end_lsn <= each.to &&
             (each.walk.problem.empty() || begin < each.walk.good_until);
    });
    if (same == known.end()) {
      DRKIT_ASSIGN(LogWalk walk, walk_log(ctx, archive, map, *path, begin, window.end_lsn));
      report.objects_read += walk.objects;
      report.bytes_read += walk.bytes;
      if (!walk.problem.empty()) {
        const bool told = std::any_of(report.problems.begin(), report.problems.end(), [&](const WalProblem& problem) {
          return problem.message == walk.problem && problem.system_id == window.system_id;
        });
        if (!told) {
          report.problems.push_back({"wal_damaged", window.system_id, walk.damaged->timeline, walk.good_until,
                                     walk.damaged->end, walk.problem});
        }
      }
      known.push_back({begin, window.end_lsn, std::move(walk)});
      same = known.end() - 1;
    }
    if (same->walk.problem.empty()) continue;
    shorten(window, same->walk);
    DRKIT_ASSIGN(const std::int64_t last, times.last_before(map, *path, point->log_from, window.end_lsn));
    window.end_time_ns = std::max(window.start_time_ns, last);
  }
  return {};
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<std::vector<RecoveryWindow>> recovery_window(const Context& ctx, const Repository& repository) {
  using namespace systems::postgres;
  if (repository.role() != KeyRole::full) {
    return Error(ErrorCode::permission_denied, "this key may not read what snapshots say about the log");
  }
  DRKIT_ASSIGN(const Stored stored, look(ctx, repository));
  return windows_of(ctx, repository, stored);
}

Result<WalReport> verify_wal(const Context& ctx, const Repository& repository, const WalVerifyOptions& options) {
  using namespace systems::postgres;
  if (repository.role() != KeyRole::full) {
    return Error(ErrorCode::permission_denied, "this key may not read what snapshots say about the log");
  }
  DRKIT_ASSIGN(Stored stored, look(ctx, repository));
  DRKIT_TRY(compare_points(ctx, repository, stored));
  WalReport report;
  DRKIT_ASSIGN(report.windows, windows_of(ctx, repository, stored));
  for (RecoveryWindow& window : report.windows) window.proof = "history";
  for (const auto& [system_id, map] : stored.maps) {
    for (const auto& [id, timeline] : map.timelines()) report.timelines.push_back(describe(map, id, timeline));
    find_problems(map, report.problems);
  }
  find_lonely_snapshots(stored, report.windows, report.problems);
  find_partial_alone(stored, report.problems);
  if (options.read) DRKIT_TRY(read_windows(ctx, repository, stored, report));
  return report;
}

}  // namespace drkit
