#include "systems/postgres/wal_map.hpp"

#include <algorithm>
#include <limits>

#include "systems/postgres/wal_segment_size.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr Lsn kNoEnd = std::numeric_limits<Lsn>::max();

// Where timelines that left this one did so.
std::vector<Lsn> switches_from(const std::map<TimelineId, TimelineMap>& timelines, TimelineId parent) {
  std::vector<Lsn> switches;
  for (const auto& [id, timeline] : timelines) {
    if (!timeline.history.empty() && timeline.history.back().timeline == parent) {
      switches.push_back(timeline.history.back().switch_lsn);
    }
  }
  return switches;
}

}  // namespace

void merge_spans(std::vector<WalSpan>& spans) {
  std::sort(spans.begin(), spans.end(), [](const WalSpan& a, const WalSpan& b) { return a.start < b.start; });
  std::vector<WalSpan> merged;
  for (const WalSpan& span : spans) {
    if (!merged.empty() && span.start <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, span.end);
    } else {
      merged.push_back(span);
    }
  }
  spans = std::move(merged);
}

const PathPart* part_at(const Path& path, Lsn lsn) {
  for (const PathPart& part : path) {
    if (lsn >= part.begin && lsn < part.end) return &part;
  }
  return nullptr;
}

void WalMap::add(const WalName& name, bool damaged) {
  system_id_ = name.system_id;
  const bool holds_log = name.kind != WalKind::gap && name.kind != WalKind::label && name.kind != WalKind::history;
  if (damaged && holds_log) {
    timelines_[name.timeline];
    return damaged_.push_back(name);
  }
  if (name.kind == WalKind::gap) return gaps_.push_back(name);
  if (name.kind == WalKind::label) return;
  TimelineMap& timeline = timelines_[name.timeline];
  if (name.kind == WalKind::history) {
    timeline.has_history = true;
    return;
  }
  timeline.objects.push_back(name);
  if (name.kind != WalKind::partial) timeline.spans.push_back({name.start, name.end});
}

// A partial file is valid up to where its timeline was left.
void WalMap::count_partials() {
  for (auto& [id, timeline] : timelines_) {
    const std::vector<Lsn> switches = switches_from(timelines_, id);
    for (const WalName& name : timeline.objects) {
      if (name.kind != WalKind::partial) continue;
      for (const Lsn lsn : switches) {
        if (lsn > name.start && lsn <= name.end) timeline.spans.push_back({name.start, lsn});
      }
    }
  }
}

void WalMap::finish() {
  count_partials();
  for (auto& [id, timeline] : timelines_) merge_spans(timeline.spans);
  bound_tails();
}

// A tail says where it is damaged, and never how far it went: at most to the end of its segment. Where the log goes on
// all the same, a receiver has stored it anew from there.
void WalMap::bound_tails() {
  for (WalName& name : damaged_) {
    if (name.kind == WalKind::tail) name.end = (name.start / segment_bytes_ + 1) * segment_bytes_;
  }
  std::erase_if(damaged_, [this](const WalName& name) {
    return name.kind == WalKind::tail && covered(name.timeline, name.start) > name.start;
  });
}

Result<std::map<std::uint64_t, WalMap>> WalMap::load(const Context& ctx, const WalArchive& archive) {
  DRKIT_ASSIGN(const std::vector<WalObject> objects, archive.list(ctx, std::nullopt));
  std::map<std::uint64_t, WalMap> maps;
  std::map<std::uint64_t, std::vector<WalName>> names;
  for (const WalObject& object : objects) {
    maps[object.name.system_id].add(object.name, object.damaged);
    names[object.name.system_id].push_back(object.name);
  }
  for (auto& [system_id, map] : maps) {
    DRKIT_ASSIGN(map.segment_bytes_, segment_size_of(ctx, archive, system_id, names[system_id]));
    for (auto& [id, timeline] : map.timelines_) {
      if (!timeline.has_history) continue;
      const auto text = archive.get(ctx, {WalKind::history, system_id, id, 0, 0});
      if (!text && text.error().code() != ErrorCode::corrupt) return text.error();
      auto lines = text ? parse_history(as_text(*text)) : Result<std::vector<HistoryLine>>(text.error());
      if (lines && (lines->empty() || lines->back().timeline >= id)) {
        lines = Error(ErrorCode::corrupt, "a timeline history names no earlier timeline");
      }
      if (lines) timeline.history = std::move(*lines);
      if (!lines) timeline.history_problem = lines.error().message();
    }
    map.finish();
  }
  return maps;
}

Result<Path> WalMap::path_to(TimelineId timeline) const {
  Path path;
  const auto found = timelines_.find(timeline);
  if (found != timelines_.end() && !found->second.history_problem.empty()) {
    return Error(ErrorCode::corrupt, found->second.history_problem).with("timeline", std::to_string(timeline));
  }
  if (timeline > 1 && (found == timelines_.end() || !found->second.has_history)) {
    return Error(ErrorCode::not_found, "the repository has no history of this timeline")
        .with("timeline", std::to_string(timeline));
  }
  Lsn begin = 0;
  if (found != timelines_.end()) {
    for (const HistoryLine& line : found->second.history) {
      path.push_back({line.timeline, begin, line.switch_lsn});
      begin = line.switch_lsn;
    }
  }
  path.push_back({timeline, begin, kNoEnd});
  return path;
}

Lsn WalMap::covered(TimelineId timeline, Lsn from) const {
  const auto found = timelines_.find(timeline);
  if (found == timelines_.end()) return from;
  for (const WalSpan& span : found->second.spans) {
    if (span.start <= from && from < span.end) return span.end;
  }
  return from;
}

Lsn WalMap::reach(const Path& path, Lsn from) const {
  Lsn position = from;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const PathPart& part = path[at];
    if (position < part.begin || position >= part.end) continue;
    Lsn end = std::min(covered(part.timeline, position), part.end);
    // The first file of a timeline begins with a copy of what its parent had in the same segment.
    if (end < part.end && at + 1 < path.size() && covered(path[at + 1].timeline, end) > part.end) end = part.end;
    if (end < part.end) return end;
    position = end;
  }
  return position;
}

// The whole segment when it is there, else the piece that reaches furthest, else the partial one.
const WalName* WalMap::object_at(TimelineId timeline, Lsn position) const {
  const auto found = timelines_.find(timeline);
  if (found == timelines_.end()) return nullptr;
  const std::vector<WalName>& objects = found->second.objects;
  const Lsn segment_start = position / segment_bytes_ * segment_bytes_;
  auto at = std::upper_bound(objects.begin(), objects.end(), position,
                             [](Lsn lsn, const WalName& name) { return lsn < name.start; });
  const WalName* best = nullptr;
  while (at != objects.begin() && (--at)->start >= segment_start) {
    if (at->end <= position) continue;
    const bool better = best == nullptr || at->kind == WalKind::segment || best->kind == WalKind::partial ||
                        (at->kind == WalKind::piece && best->kind == WalKind::piece && at->end > best->end);
    if (better) best = &*at;
  }
  return best;
}

std::vector<WalName> WalMap::objects_between(const Path& path, Lsn from, Lsn to) const {
  std::vector<WalName> chosen;
  for (Lsn position = from; position < to;) {
    const PathPart* part = part_at(path, position);
    if (part == nullptr) break;
    const WalName* best = nullptr;
    for (const PathPart& candidate : path) {
      // Later timelines first, as the server reads them; none from before its beginning's segment.
      if (candidate.begin / segment_bytes_ > position / segment_bytes_) break;
      const WalName* found = object_at(candidate.timeline, position);
      if (found != nullptr) best = found;
    }
    if (best == nullptr) break;
    chosen.push_back(*best);
    position = best->end;
  }
  return chosen;
}

std::string WalMap::why_it_ends(const Path& path, Lsn end) const {
  if (is_gap(path, end)) return "gap";
  if (is_damaged(path, end)) return "damaged";
  const auto found = timelines_.find(path.back().timeline);
  const bool more = found != timelines_.end() && !found->second.spans.empty() && found->second.spans.back().end > end;
  return more ? "hole" : "end of log";
}

bool WalMap::is_damaged(const Path& path, Lsn at) const {
  const PathPart* part = part_at(path, at);
  return part != nullptr && std::any_of(damaged_.begin(), damaged_.end(), [&](const WalName& name) {
           return name.timeline == part->timeline && name.start <= at && at < name.end;
         });
}

bool WalMap::is_gap(const Path& path, Lsn at) const {
  const PathPart* part = part_at(path, at);
  return part != nullptr && std::any_of(gaps_.begin(), gaps_.end(), [&](const WalName& gap) {
           return gap.timeline == part->timeline && gap.start <= at && at < gap.end;
         });
}

}  // namespace drkit::systems::postgres
