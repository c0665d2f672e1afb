// Choosing the snapshot from which a target is reached, and proving that it is.
#include <algorithm>
#include <limits>

#include "systems/postgres/base_points.hpp"
#include "systems/postgres/mark_search.hpp"

namespace drkit::systems::postgres {
namespace {

Error unreachable(std::string message) { return Error(ErrorCode::not_found, std::move(message)); }

bool is_end(const WalMark& mark) { return mark.kind != WalMark::Kind::restore_point; }

class Planner {
 public:
  Planner(const Context& ctx, const WalArchive& archive, const WalMap& map, Path path, const PitrTarget& target)
      : ctx_(ctx), map_(map), path_(std::move(path)), target_(target), search_(ctx, archive, map_, path_) {}

  /// points: those that may serve, oldest first.
  Result<PitrPlan> plan(const std::vector<BasePoint>& points) const;

 private:
  Result<PitrPlan> to_latest(const std::vector<BasePoint>& points) const;
  Result<PitrPlan> to_lsn(const std::vector<BasePoint>& points) const;
  Result<PitrPlan> to_time(const std::vector<BasePoint>& points) const;
  Result<PitrPlan> to_mark(const std::vector<BasePoint>& points) const;
  PitrPlan from(const BasePoint& point, Lsn stop, std::int64_t time_ns) const;
  MarkQuery mark_query() const;

  const Context& ctx_;
  const WalMap& map_;
  Path path_;
  const PitrTarget& target_;
  MarkSearch search_;
};

PitrPlan Planner::from(const BasePoint& point, Lsn stop, std::int64_t time_ns) const {
  PitrPlan plan;
  plan.snapshot = point.snapshot;
  plan.target = target_;
  plan.system_id = point.system_id;
  plan.timeline = path_.back().timeline;
  plan.start_lsn = point.start_lsn;
  plan.stop_lsn = stop;
  plan.stop_time_ns = time_ns;
  plan.wal_bytes = stop > point.start_lsn ? stop - point.start_lsn : 0;
  return plan;
}

Result<PitrPlan> Planner::to_latest(const std::vector<BasePoint>& points) const {
  const BasePoint& point = points.back();
  const Lsn end = reach_from(map_, path_, point);
  if (end < path_.back().begin) {
    return unreachable("the log ends at " + format_lsn(end) + ", before timeline " +
                       std::to_string(path_.back().timeline) + " begins");
  }
  DRKIT_ASSIGN(const std::int64_t time, search_.time_at(end));
  // The stored bytes may end in the middle of a record.
  DRKIT_ASSIGN(const Lsn stop, search_.last_record_end(point.log_from, end));
  PitrPlan plan = from(point, std::max(stop, point.end_lsn), time);
  plan.ended_by = map_.why_it_ends(path_, end);
  if (plan.ended_by != "end of log") {
    ctx_.write_log(LogLevel::warning, "the latest that can be reached is " + format_lsn(end) + ": a " + plan.ended_by +
                                          " in the stored log begins there, and what is stored behind it is not used");
  }
  return plan;
}

Result<PitrPlan> Planner::to_lsn(const std::vector<BasePoint>& points) const {
  const BasePoint* chosen = nullptr;
  for (const BasePoint& point : points) {
    if (point.end_lsn <= target_.lsn) chosen = &point;
  }
  if (chosen == nullptr) {
    return unreachable("the oldest snapshot is consistent only at " + format_lsn(points.front().end_lsn));
  }
  const Lsn end = reach_from(map_, path_, *chosen);
  DRKIT_ASSIGN(const bool there, end > target_.lsn ? search_.has_record_from(target_.lsn, end) : Result<bool>(false));
  if (!there) return unreachable("the log without a hole ends at " + format_lsn(end));
  DRKIT_ASSIGN(const std::int64_t time, search_.time_at(target_.lsn));
  return from(*chosen, target_.lsn, time);
}

// The server stops before the first transaction that ended later, so there must be one.
Result<PitrPlan> Planner::to_time(const std::vector<BasePoint>& points) const {
  const std::int64_t limit = target_.inclusive ? target_.time_ns : target_.time_ns - 1;
  const MarkQuery later{[&](const WalMark& mark) { return is_end(mark) && mark.time_ns > limit; },
                        [&](const WalFacts& facts) { return facts.commits > 0 && facts.last_time_ns > limit; }};
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    DRKIT_ASSIGN(std::int64_t time, search_.time_at(point->end_lsn));
    if (time == 0) time = point->end_time_ns;
    if (time > limit) continue;
    const Lsn end = reach_from(map_, path_, *point);
    DRKIT_ASSIGN(const auto found, search_.first(later, point->log_from, end));
    if (found) return from(*point, found->mark.start, found->time_before_ns);
    return unreachable("no transaction of the stored log ended after this time: it ends at " + format_lsn(end));
  }
  return unreachable("the time lies before the oldest snapshot");
}

MarkQuery Planner::mark_query() const {
  if (target_.kind == PitrKind::xid) {
    return {[this](const WalMark& mark) { return is_end(mark) && mark.xid == target_.xid; },
            [this](const WalFacts& facts) { return facts.min_xid <= target_.xid && target_.xid <= facts.max_xid; }};
  }
  return {[this](const WalMark& mark) { return !is_end(mark) && mark.name == target_.name; },
          [this](const WalFacts& facts) {
            return facts.restore_points.size() >= 200 ||
                   std::any_of(facts.restore_points.begin(), facts.restore_points.end(),
                               [this](const WalRestorePoint& point) { return point.name == target_.name; });
          }};
}

// From each snapshot only up to the next one, newest first: the server stops at the first that it meets.
Result<PitrPlan> Planner::to_mark(const std::vector<BasePoint>& points) const {
  const MarkQuery query = mark_query();
  Lsn until = std::numeric_limits<Lsn>::max();
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    const Lsn end = std::min(until, reach_from(map_, path_, *point));
    DRKIT_ASSIGN(const auto found, search_.first(query, point->log_from, end));
    const bool after = target_.inclusive || target_.kind == PitrKind::name;
    if (found && after) {
      return from(*point, found->mark.end, is_end(found->mark) ? found->mark.time_ns : found->time_before_ns);
    }
    if (found) return from(*point, found->mark.start, found->time_before_ns);
    until = point->end_lsn;
  }
  return unreachable(target_.kind == PitrKind::xid ? "the stored log does not hold the end of this transaction"
                                                   : "the stored log holds no restore point of this name");
}

Result<PitrPlan> Planner::plan(const std::vector<BasePoint>& points) const {
  switch (target_.kind) {
    case PitrKind::immediate:
      return from(points.back(), points.back().end_lsn, 0);
    case PitrKind::latest:
      return to_latest(points);
    case PitrKind::lsn:
      return to_lsn(points);
    case PitrKind::time:
      return to_time(points);
    case PitrKind::xid:
    case PitrKind::name:
      return to_mark(points);
  }
  return Error(ErrorCode::invalid_argument, "unknown kind of target");
}

Result<std::uint64_t> choose_cluster(const std::vector<BasePoint>& points, const PitrOptions& options) {
  if (options.system_id) return *options.system_id;
  for (const BasePoint& point : points) {
    if (point.system_id == points.front().system_id) continue;
    return Error(ErrorCode::invalid_argument, "the repository holds several clusters: say which one");
  }
  return points.front().system_id;
}

Result<std::vector<BasePoint>> choose_points(const Context& ctx, const Repository& repository,
                                             const PitrOptions& options) {
  DRKIT_ASSIGN(std::vector<BasePoint> points, load_base_points(ctx, repository));
  if (!options.snapshot.empty()) {
    DRKIT_ASSIGN(const Snapshot wanted, repository.find_snapshot(ctx, options.snapshot));
    std::erase_if(points, [&](const BasePoint& point) { return point.snapshot.id != wanted.id; });
  }
  if (points.empty()) return unreachable("the repository holds no complete snapshot of a PostgreSQL cluster");
  DRKIT_ASSIGN(const std::uint64_t system_id, choose_cluster(points, options));
  std::erase_if(points, [&](const BasePoint& point) { return point.system_id != system_id; });
  if (points.empty()) return unreachable("the repository holds no complete snapshot of this cluster");
  return points;
}

Result<Path> choose_path(const WalMap& map, const std::vector<BasePoint>& points, const PitrOptions& options) {
  TimelineId newest = points.back().timeline;
  for (const auto& [id, timeline] : map.timelines()) {
    if (id == 1 || timeline.has_history) newest = std::max(newest, id);
  }
  auto path = map.path_to(options.timeline.value_or(newest));
  if (path || path.error().code() != ErrorCode::not_found ||
      options.timeline.value_or(newest) != points.back().timeline)
    return path;
  // A snapshot of a timeline of which no log is kept still recovers to its own end.
  return Path{{points.back().timeline, 0, ~Lsn{0}}};
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<PitrPlan> plan_pitr(const Context& ctx, const Repository& repository, const PitrOptions& options) {
  using namespace systems::postgres;
  DRKIT_ASSIGN(std::vector<BasePoint> points, choose_points(ctx, repository, options));
  const WalArchive archive(repository);
  DRKIT_ASSIGN(const auto maps, WalMap::load(ctx, archive));
  const auto found = maps.find(points.front().system_id);
  const WalMap map = found == maps.end() ? WalMap() : found->second;
  DRKIT_TRY(connect_with_log(ctx, repository, map, points));
  DRKIT_ASSIGN(const Path path, choose_path(map, points, options));
  std::erase_if(points, [&](const BasePoint& point) { return !lies_on(point, path); });
  if (points.empty()) {
    return unreachable("no snapshot lies on the way to timeline " + std::to_string(path.back().timeline));
  }
  return Planner(ctx, archive, map, path, options.target).plan(points);
}

}  // namespace drkit
