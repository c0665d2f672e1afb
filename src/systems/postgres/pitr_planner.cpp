#include "systems/postgres/pitr_planner.hpp"

#include <algorithm>
#include <limits>

#include "systems/postgres/log_origin.hpp"
#include "systems/postgres/log_walk.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMostNamesakes = 20;

Error unreachable(std::string message) { return Error(ErrorCode::not_found, std::move(message)); }

bool is_end(const WalMark& mark) { return mark.kind != WalMark::Kind::restore_point; }

std::string short_id(const BasePoint& point) { return point.snapshot.id.substr(0, 8); }

}  // namespace

// Who goes on from a snapshot with another cluster's log gets a cluster that never was.
Result<void> PitrPlanner::require_own_log(const BasePoint& point) const {
  DRKIT_ASSIGN(const LogOrigin origin, compare_origin(ctx_, repository_, point, timelines_through(map_, point)));
  if (origin.different.empty()) return {};
  std::string message =
      origin.different + "; the snapshot leads to its own end alone: take it with the target immediate";
  for (auto other = way_.points.rbegin(); options_.snapshot.empty() && other != way_.points.rend(); ++other) {
    if (other->end_lsn > point.end_lsn || other->snapshot.id == point.snapshot.id) continue;
    DRKIT_ASSIGN(const LogOrigin its, compare_origin(ctx_, repository_, *other, timelines_through(map_, *other)));
    if (!its.different.empty()) continue;
    message += ", or name the snapshot of the stored log's branch, such as " + short_id(*other);
    break;
  }
  return Error(ErrorCode::precondition_failed, std::move(message));
}

Result<PitrPlan> PitrPlanner::from(const BasePoint& point, Lsn stop, std::int64_t time_ns) const {
  if (stop > point.end_lsn) DRKIT_TRY(require_own_log(point));
  PitrPlan plan;
  if (stop <= point.end_lsn) {
    DRKIT_ASSIGN(const LogOrigin origin, compare_origin(ctx_, repository_, point, timelines_through(map_, point)));
    if (!origin.different.empty() && !origin.holds_log) {
      return Error(ErrorCode::precondition_failed,
                   origin.different + "; the snapshot holds no log of its own, so nothing can be recovered from it");
    }
    plan.own_log_only = !origin.different.empty();
    if (plan.own_log_only) ctx_.write_log(LogLevel::warning, origin.different + "; recovery takes nothing of it");
  }
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

Result<PitrPlan> PitrPlanner::to_latest() const {
  const BasePoint& point = way_.points.back();
  if (way_.end < path_.back().begin) {
    return unreachable("the log ends at " + format_lsn(way_.end) + ", before timeline " +
                       std::to_string(path_.back().timeline) + " begins");
  }
  // A newer snapshot of another branch may lie further back in the log: what is the latest, nobody knows but the user.
  for (const BasePoint& other : way_.points) {
    if (other.snapshot.time_ns > point.snapshot.time_ns) DRKIT_TRY(require_own_log(other));
  }
  if (way_.end > point.end_lsn) DRKIT_TRY(require_own_log(point));
  DRKIT_ASSIGN(const std::int64_t time, search_.time_at(way_.end));
  // The stored bytes may end in the middle of a record.
  DRKIT_ASSIGN(const Lsn stop, search_.last_record_end(point.log_from, way_.end));
  DRKIT_ASSIGN(PitrPlan plan, from(point, std::max(stop, point.end_lsn), time));
  plan.ended_by = map_.why_it_ends(path_, way_.end);
  if (plan.ended_by == "damaged") {
    return Error(ErrorCode::corrupt, "the object of the log at " + format_lsn(way_.end) +
                                         " is damaged, so the server cannot recover to the latest state; "
                                         "it can to any target before that, the last transaction ended " +
                                         utc_text(time));
  }
  if (plan.ended_by != "end of log") {
    ctx_.write_log(LogLevel::warning, "the latest that can be reached is " + format_lsn(way_.end) + ": a " +
                                          plan.ended_by +
                                          " in the stored log begins there, and what is stored behind it is not used");
  }
  return plan;
}

Result<PitrPlan> PitrPlanner::to_lsn() const {
  const BasePoint* chosen = nullptr;
  for (const BasePoint& point : way_.points) {
    if (point.end_lsn <= target_.lsn) chosen = &point;
  }
  if (chosen == nullptr) {
    return unreachable("the oldest snapshot is consistent only at " + format_lsn(way_.points.front().end_lsn));
  }
  const Lsn end = reach_from(map_, path_, *chosen);
  DRKIT_ASSIGN(const bool there, end > target_.lsn ? search_.has_record_from(target_.lsn, end) : Result<bool>(false));
  if (!there) return unreachable("the log without a hole ends at " + format_lsn(end));
  DRKIT_ASSIGN(const std::int64_t time, search_.time_at(target_.lsn));
  return from(*chosen, target_.lsn, time);
}

// Times ascend with positions, so few of many snapshots are asked. Each costs a segment or a few.
Result<const BasePoint*> PitrPlanner::last_before(std::int64_t limit) const {
  std::size_t low = 0, high = way_.points.size();
  while (low < high) {
    DRKIT_TRY(ctx_.check_cancelled());
    const std::size_t middle = (low + high) / 2;
    const BasePoint& point = way_.points[middle];
    DRKIT_ASSIGN(std::int64_t time, search_.time_at(point.end_lsn));
    if (time == 0) time = point.end_time_ns;
    if (time <= limit) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? nullptr : &way_.points[low - 1];
}

Result<std::string> PitrPlanner::end_words(const BasePoint& point, Lsn end) const {
  DRKIT_ASSIGN(const std::int64_t last, LogTimes(ctx_, archive_).last_before(map_, path_, point.log_from, end));
  return "it ends at " + format_lsn(end) +
         (last == 0 ? "" : ", and the last transaction before that ended at " + utc_text(last));
}

// The server stops before the first transaction that ended later, so there must be one.
Result<PitrPlan> PitrPlanner::to_time() const {
  const std::int64_t limit = target_.inclusive ? target_.time_ns : target_.time_ns - 1;
  const MarkQuery later{[&](const WalMark& mark) { return is_end(mark) && mark.time_ns > limit; },
                        [&](const WalFacts& facts) { return facts.commits > 0 && facts.last_time_ns > limit; }};
  DRKIT_ASSIGN(const BasePoint* const point, last_before(limit));
  if (point == nullptr) {
    return unreachable("the time lies before the oldest snapshot, which was made until " +
                       utc_text(way_.points.front().end_time_ns));
  }
  const Lsn end = reach_from(map_, path_, *point);
  DRKIT_ASSIGN(const auto found, search_.first(later, point->log_from, end));
  if (found) return from(*point, found->mark.start, found->time_before_ns);
  DRKIT_ASSIGN(const std::string words, end_words(*point, end));
  return unreachable("no transaction of the stored log ended after this time: " + words +
                     "; for all that is stored ask for the latest state, not for a time");
}

MarkQuery PitrPlanner::mark_query() const {
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
Result<std::optional<FoundMark>> PitrPlanner::first_mark(const MarkQuery& query, const BasePoint*& base) const {
  Lsn until = std::numeric_limits<Lsn>::max();
  for (auto point = way_.points.rbegin(); point != way_.points.rend(); ++point) {
    const Lsn end = std::min(until, reach_from(map_, path_, *point));
    DRKIT_ASSIGN(auto found, search_.first(query, point->log_from, end));
    base = &*point;
    if (found) return found;
    until = point->end_lsn;
  }
  return std::optional<FoundMark>();
}

// A name may be given many times; which one is meant only the user knows.
Result<void> PitrPlanner::tell_namesakes(const MarkQuery& query, const FoundMark& chosen) const {
  std::string others;
  std::size_t count = 0;
  for (Lsn from = way_.points.front().log_from; count < kMostNamesakes; ++count) {
    DRKIT_ASSIGN(const auto found, search_.first(query, from, way_.end));
    if (!found) break;
    from = found->mark.end;
    if (found->mark.start == chosen.mark.start) continue;
    others += (others.empty() ? "" : ", ") + format_lsn(found->mark.start) + " (" + utc_text(found->mark.time_ns) + ")";
  }
  if (others.empty()) return {};
  ctx_.write_log(LogLevel::warning, "the name was given to several restore points; the one at " +
                                        format_lsn(chosen.mark.start) + " (" + utc_text(chosen.mark.time_ns) +
                                        ") is taken, others are at " + others +
                                        ": to choose one of them give its "
                                        "position as the target");
  return {};
}

Result<PitrPlan> PitrPlanner::to_mark() const {
  const MarkQuery query = mark_query();
  const BasePoint* base = nullptr;
  DRKIT_ASSIGN(const auto found, first_mark(query, base));
  if (!found) {
    const BasePoint& oldest = way_.points.front();
    DRKIT_ASSIGN(const std::string words, end_words(oldest, reach_from(map_, path_, oldest)));
    return unreachable((target_.kind == PitrKind::xid ? "the stored log does not hold the end of this transaction: "
                                                      : "the stored log holds no restore point of this name: ") +
                       words);
  }
  if (target_.kind == PitrKind::name) DRKIT_TRY(tell_namesakes(query, *found));
  const bool after = target_.inclusive || target_.kind == PitrKind::name;
  const std::int64_t time = after && is_end(found->mark) ? found->mark.time_ns : found->time_before_ns;
  return from(*base, after ? found->mark.end : found->mark.start, time);
}

Result<PitrPlan> PitrPlanner::plan() const {
  switch (target_.kind) {
    case PitrKind::immediate:
      return from(way_.points.back(), way_.points.back().end_lsn, 0);
    case PitrKind::latest:
      return to_latest();
    case PitrKind::lsn:
      return to_lsn();
    case PitrKind::time:
      return to_time();
    case PitrKind::xid:
    case PitrKind::name:
      return to_mark();
  }
  return Error(ErrorCode::invalid_argument, "unknown kind of target");
}

// The server reads ahead of what it replays, and gives up when it is not given what it asks for. How far, records
// decide: behind a switch of segments the next one begins at once.
Result<bool> PitrPlanner::is_damaged_behind(Lsn stop) const {
  const std::uint64_t size = map_.segment_bytes();
  const Lsn next = (stop + size - 1) / size * size;
  if (map_.is_damaged(path_, next)) return true;
  DRKIT_ASSIGN(const LogWalk walk, walk_log(ctx_, archive_, map_, path_, next, next + 1));
  return !walk.problem.empty();
}

Result<void> PitrPlanner::prove(PitrPlan& plan) const {
  // The snapshot's own log, which restoring it proves.
  if (plan.own_log_only) return {};
  Lsn begin = plan.start_lsn;
  for (const BasePoint& point : way_.points) {
    // What the log lacks of the backup itself is in the snapshot.
    if (point.snapshot.id == plan.snapshot.id && map_.reach(path_, begin) < point.log_from) begin = point.log_from;
  }
  DRKIT_ASSIGN(const LogWalk walk, walk_log(ctx_, archive_, map_, path_, begin, plan.stop_lsn));
  plan.log_was_read = walk.problem.empty();
  if (walk.problem.empty()) {
    DRKIT_ASSIGN(plan.stops_before_damage, is_damaged_behind(plan.stop_lsn));
    return {};
  }
  Error error(ErrorCode::corrupt, "log that recovery needs is damaged: " + walk.problem +
                                      (walk.last_record > plan.start_lsn
                                           ? "; recovery is possible up to the position " + format_lsn(walk.last_record)
                                           : "") +
                                      ", or from a newer snapshot");
  return error;
}

}  // namespace drkit::systems::postgres
