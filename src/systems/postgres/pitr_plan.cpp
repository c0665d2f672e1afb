// Choosing the cluster, the snapshots and the timeline of a recovery.
#include <algorithm>
#include <numeric>
#include <set>

#include "systems/postgres/pitr_planner.hpp"

namespace drkit::systems::postgres {
namespace {

Error unreachable(std::string message) { return Error(ErrorCode::not_found, std::move(message)); }

Result<std::uint64_t> choose_cluster(const std::vector<BasePoint>& points, const PitrOptions& options) {
  if (options.system_id) return *options.system_id;
  std::set<std::uint64_t> clusters;
  for (const BasePoint& point : points) clusters.insert(point.system_id);
  if (clusters.size() == 1) return *clusters.begin();
  std::string list;
  for (const std::uint64_t id : clusters) list += (list.empty() ? "" : ", ") + std::to_string(id);
  return Error(ErrorCode::invalid_argument,
               "the repository holds several clusters: say which one by its system identifier: " + list);
}

// What a partial snapshot lacks is missing in the recovered cluster, too: only who names it may get it.
Result<void> choose_complete(const Context& ctx, const PitrOptions& options, std::vector<BasePoint>& points) {
  if (!options.snapshot.empty()) {
    const BasePoint& point = points.front();
    if (!point.partial) return {};
    std::string missing;
    for (std::size_t at = 0; at < std::min<std::size_t>(point.snapshot.problems.size(), 3); ++at) {
      missing += (at == 0 ? ": " : ", ") + point.snapshot.problems[at].path;
    }
    ctx.write_log(LogLevel::warning, "snapshot " + point.snapshot.id.substr(0, 8) +
                                         " is partial, the backup could not read " +
                                         std::to_string(point.snapshot.stats.problems) + " entries" + missing +
                                         "; what it lacks is missing or damaged in the recovered cluster, too");
    return {};
  }
  std::string partial;
  for (const BasePoint& point : points) {
    if (point.partial) partial += (partial.empty() ? "" : ", ") + point.snapshot.id.substr(0, 8);
  }
  const std::int64_t newest_partial =
      std::accumulate(points.begin(), points.end(), std::int64_t{0}, [](std::int64_t newest, const BasePoint& point) {
        return point.partial ? std::max(newest, point.snapshot.time_ns) : newest;
      });
  std::erase_if(points, [](const BasePoint& point) { return point.partial; });
  if (points.empty()) {
    return unreachable(
        "the repository holds only partial snapshots of this cluster, which lack something: to recover "
        "from one nevertheless name it: " +
        partial);
  }
  const bool newer = std::all_of(points.begin(), points.end(),
                                 [&](const BasePoint& point) { return point.snapshot.time_ns < newest_partial; });
  if (newer) ctx.write_log(LogLevel::warning, "newer snapshots are partial and not used unless named: " + partial);
  return {};
}

Result<std::vector<BasePoint>> choose_points(const Context& ctx, const Repository& repository,
                                             const PitrOptions& options) {
  DRKIT_ASSIGN(std::vector<BasePoint> points, load_base_points(ctx, repository));
  if (!options.snapshot.empty()) {
    DRKIT_ASSIGN(const Snapshot wanted, repository.find_snapshot(ctx, options.snapshot));
    std::erase_if(points, [&](const BasePoint& point) { return point.snapshot.id != wanted.id; });
    if (points.empty()) return unreachable("the snapshot that was named is none of a PostgreSQL cluster");
  }
  if (points.empty()) return unreachable("the repository holds no snapshot of a PostgreSQL cluster");
  DRKIT_ASSIGN(const std::uint64_t system_id, choose_cluster(points, options));
  std::erase_if(points, [&](const BasePoint& point) { return point.system_id != system_id; });
  if (points.empty()) return unreachable("the repository holds no snapshot of this cluster");
  DRKIT_TRY(choose_complete(ctx, options, points));
  return points;
}

class Chooser {
 public:
  Chooser(const Context& ctx, const Repository& repository, const WalMap& map, std::vector<BasePoint> points,
          const PitrOptions& options)
      : ctx_(ctx),
        repository_(repository),
        archive_(repository),
        map_(map),
        points_(std::move(points)),
        options_(options) {}

  Result<PitrPlan> run();

 private:
  Result<Way> way_of(TimelineId timeline) const;
  Result<bool> leads_into(const Way& way, const Way& other) const;
  Result<std::vector<Way>> ways() const;
  Result<PitrPlan> plan_on(const Way& way) const {
    return PitrPlanner(ctx_, repository_, archive_, map_, way, options_).plan();
  }
  Result<PitrPlan> complain(const std::vector<Way>& ways, std::size_t tried, Error error) const;
  std::vector<PitrTimeline> ends_of(const std::vector<Way>& ways) const;
  std::string words_of(const std::vector<Way>& ways) const;
  Result<PitrPlan> finish(const std::vector<Way>& ways, std::size_t chosen, PitrPlan plan) const;

  const Context& ctx_;
  const Repository& repository_;
  const WalArchive archive_;
  const WalMap& map_;
  std::vector<BasePoint> points_;
  const PitrOptions& options_;
};

Result<Way> Chooser::way_of(TimelineId timeline) const {
  Way way{timeline, {}, points_, 0};
  auto path = map_.path_to(timeline);
  const bool snapshots_own =
      std::any_of(points_.begin(), points_.end(), [&](const BasePoint& point) { return point.timeline == timeline; });
  if (path) {
    way.path = std::move(*path);
  } else if (path.error().code() == ErrorCode::not_found && snapshots_own) {
    // A snapshot of a timeline of which no log is kept still recovers to its own end.
    way.path = {{timeline, 0, ~Lsn{0}}};
  } else {
    return std::move(path).error();
  }
  std::erase_if(way.points, [&](const BasePoint& point) { return !lies_on(point, way.path); });
  if (way.points.empty()) {
    return unreachable("no snapshot lies on the way to timeline " + std::to_string(timeline));
  }
  way.end = reach_from(map_, way.path, way.points.back());
  return way;
}

// Whether the other one goes on from where this one ends: nothing that a user did lies behind the fork. What a crash
// left there, a half record or one that changes nothing, is no way of its own.
Result<bool> Chooser::leads_into(const Way& way, const Way& other) const {
  for (const PathPart& part : other.path) {
    if (part.timeline != way.timeline || part.timeline == other.timeline) continue;
    const bool all = std::all_of(way.points.begin(), way.points.end(),
                                 [&](const BasePoint& point) { return lies_on(point, other.path); });
    if (!all || way.end <= part.end) return all;
    const MarkQuery any{[](const WalMark&) { return true; },
                        [](const WalFacts& facts) { return facts.commits > 0 || !facts.restore_points.empty(); }};
    DRKIT_ASSIGN(const auto found, MarkSearch(ctx_, archive_, map_, way.path).first(any, part.end, way.end));
    return !found;
  }
  return false;
}

Result<std::vector<Way>> Chooser::ways() const {
  std::set<TimelineId> timelines;
  for (const BasePoint& point : points_) timelines.insert(point.timeline);
  for (const auto& [id, timeline] : map_.timelines()) timelines.insert(id);
  std::vector<Way> all, ways;
  for (const TimelineId timeline : timelines) {
    auto way = way_of(timeline);
    if (!way && way.error().code() == ErrorCode::corrupt) {
      ctx_.write_log(LogLevel::warning, "timeline " + std::to_string(timeline) +
                                            " is not looked at, its history is damaged: " + way.error().message());
    }
    if (!way) continue;
    const bool own = std::any_of(way->points.begin(), way->points.end(),
                                 [&](const BasePoint& point) { return point.timeline == timeline; });
    if (own || way->end > way->path.back().begin) all.push_back(std::move(*way));
  }
  for (const Way& way : all) {
    bool goes_on = false;
    for (const Way& other : all) {
      if (goes_on) break;
      DRKIT_ASSIGN(goes_on, leads_into(way, other));
    }
    if (!goes_on) ways.push_back(way);
  }
  return ways;
}

std::vector<PitrTimeline> Chooser::ends_of(const std::vector<Way>& ways) const {
  LogTimes times(ctx_, archive_);
  std::vector<PitrTimeline> ends;
  for (const Way& way : ways) {
    const auto time = times.last_before(map_, way.path, way.points.back().log_from, way.end);
    ends.push_back({way.timeline, way.end, time ? *time : 0});
  }
  return ends;
}

std::string Chooser::words_of(const std::vector<Way>& ways) const {
  std::string words;
  for (const PitrTimeline& end : ends_of(ways)) {
    words += (words.empty() ? "" : ", ") + ("timeline " + std::to_string(end.timeline)) + " to " +
             format_lsn(end.end_lsn) + (end.end_time_ns == 0 ? "" : " (" + utc_text(end.end_time_ns) + ")");
  }
  return words;
}

// Where on the way recovery ends: two ways are one up to their fork.
TimelineId timeline_at(const Way& way, Lsn lsn) {
  const PathPart* part = part_at(way.path, lsn == 0 ? 0 : lsn - 1);
  return part == nullptr ? way.timeline : part->timeline;
}

// The target lies elsewhere, perhaps.
Result<PitrPlan> Chooser::complain(const std::vector<Way>& ways, std::size_t tried, Error error) const {
  if (error.code() != ErrorCode::not_found) return error;
  std::string reaching;
  for (std::size_t at = 0; at < ways.size(); ++at) {
    if (at == tried || !plan_on(ways[at])) continue;
    reaching += (reaching.empty() ? "" : ", ") + std::to_string(ways[at].timeline);
  }
  if (reaching.empty()) return error;
  return unreachable(error.message() + "; it can be reached when this timeline is asked for: " + reaching);
}

// The highest number may be that of a copy that somebody tried and threw away: the newest snapshot says where the
// cluster went on, and where it does not, the user must.
Result<PitrPlan> Chooser::run() {
  std::vector<Way> ways;
  if (options_.timeline) {
    DRKIT_ASSIGN(Way way, way_of(*options_.timeline));
    ways.push_back(std::move(way));
  } else {
    DRKIT_ASSIGN(ways, this->ways());
    // Nothing leads anywhere: the reason is that of the newest snapshot's own timeline.
    if (ways.empty()) {
      DRKIT_ASSIGN(Way way, way_of(points_.back().timeline));
      ways.push_back(std::move(way));
    }
  }
  const std::vector<BasePoint>& all = options_.timeline ? ways.front().points : points_;
  const auto newest = std::max_element(all.begin(), all.end(), [](const BasePoint& a, const BasePoint& b) {
    return a.snapshot.time_ns < b.snapshot.time_ns;
  });
  std::optional<std::size_t> chosen;
  std::optional<PitrPlan> plan;
  std::optional<Error> failed;
  std::size_t tried = ways.size();
  for (std::size_t at = 0; at < ways.size(); ++at) {
    if (!lies_on(*newest, ways[at].path)) continue;
    auto next = plan_on(ways[at]);
    if (!next && next.error().code() != ErrorCode::not_found) return next.error();
    if (!next) {
      tried = at;
      failed = next.error();
      continue;
    }
    const Lsn stop = next->stop_lsn;
    const bool same = !plan || (plan->snapshot.id == next->snapshot.id && plan->stop_lsn == stop &&
                                timeline_at(ways[*chosen], stop) == timeline_at(ways[at], stop));
    if (!same) {
      return Error(ErrorCode::invalid_argument,
                   "the log goes on from the newest snapshot on several timelines: say which one: " + words_of(ways));
    }
    if (!plan || timeline_at(ways[at], stop) == ways[at].timeline) chosen = at, plan = std::move(*next);
  }
  if (!plan && !failed) {
    DRKIT_ASSIGN(const Way way, way_of(newest->timeline));
    failed = unreachable("the log leads nowhere from the newest snapshot");
  }
  if (!plan) return complain(ways, tried, std::move(*failed));
  return finish(ways, *chosen, std::move(*plan));
}

Result<PitrPlan> Chooser::finish(const std::vector<Way>& ways, std::size_t chosen, PitrPlan plan) const {
  if (options_.read_log) {
    DRKIT_TRY(PitrPlanner(ctx_, repository_, archive_, map_, ways[chosen], options_).prove(plan));
  }
  std::vector<Way> possible = ways;
  if (options_.timeline) {
    DRKIT_ASSIGN(possible, this->ways());
  }
  if (possible.size() > 1) plan.timelines = ends_of(possible);
  return plan;
}

Result<void> check_target(const PitrTarget& target) {
  const bool borderless =
      target.kind == PitrKind::latest || target.kind == PitrKind::immediate || target.kind == PitrKind::name;
  if (target.inclusive || !borderless) return {};
  return Error(ErrorCode::invalid_argument, "only a time, a position and a transaction can be stopped just before");
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<PitrPlan> plan_pitr(const Context& ctx, const Repository& repository, const PitrOptions& options) {
  using namespace systems::postgres;
  DRKIT_TRY(check_target(options.target));
  DRKIT_ASSIGN(std::vector<BasePoint> points, choose_points(ctx, repository, options));
  DRKIT_ASSIGN(const auto maps, WalMap::load(ctx, WalArchive(repository)));
  const auto found = maps.find(points.front().system_id);
  const WalMap map = found == maps.end() ? WalMap() : found->second;
  DRKIT_TRY(connect_with_log(ctx, repository, map, points));
  return Chooser(ctx, repository, map, std::move(points), options).run();
}

}  // namespace drkit
