#include "systems/postgres/wal_resume.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "systems/postgres/wal_pieces.hpp"

namespace drkit::systems::postgres {
namespace {

using Spans = std::vector<WalSpan>;

// What is stored of a part of the way; what is recorded as lost is not asked for again.
Spans spans_of(const std::vector<WalObject>& objects, const PathPart& part) {
  Spans spans;
  for (const WalObject& object : objects) {
    const WalName& name = object.name;
    if (name.timeline != part.timeline) continue;
    if (name.kind == WalKind::segment || name.kind == WalKind::piece || name.kind == WalKind::gap) {
      spans.push_back({name.start, name.end});
    }
    // Valid up to where the timeline was left.
    if (name.kind == WalKind::partial && part.end > name.start && part.end <= name.end) {
      spans.push_back({name.start, part.end});
    }
  }
  merge_spans(spans);
  return spans;
}

Lsn covered(const Spans& spans, Lsn from) {
  for (const WalSpan& span : spans) {
    if (span.start <= from && from < span.end) return span.end;
  }
  return from;
}

// Where the first stored byte of the way lies; nothing when there is none.
std::optional<Lsn> beginning(const Path& path, const std::vector<Spans>& spans) {
  for (std::size_t at = 0; at < path.size(); ++at) {
    for (const WalSpan& span : spans[at]) {
      if (span.end > path[at].begin && span.start < path[at].end) return std::max(span.start, path[at].begin);
    }
  }
  return std::nullopt;
}

// The number of the part in which the log ends, and where.
std::pair<std::size_t, Lsn> first_hole(const Path& path, const std::vector<Spans>& spans, Lsn from) {
  for (std::size_t at = 0;; ++at) {
    const PathPart& part = path[at];
    const bool last = at + 1 == path.size();
    if (from >= part.end && !last) continue;
    Lsn end = std::min(covered(spans[at], from), part.end);
    // The first file of a timeline begins with a copy of what its parent had of the same segment.
    if (end < part.end && !last && covered(spans[at + 1], end) > part.end) end = part.end;
    if (end < part.end || last) return {at, end};
    from = end;
  }
}

}  // namespace

Result<ResumePoint> find_resume_point(const Context& ctx, const WalArchive& archive, std::uint64_t system_id,
                                      const Path& path, std::uint64_t segment_bytes, Lsn held_from) {
  DRKIT_ASSIGN(const std::vector<WalObject> objects, archive.list(ctx, system_id));
  std::vector<Spans> spans;
  for (const PathPart& part : path) spans.push_back(spans_of(objects, part));
  ResumePoint point;
  const std::optional<Lsn> stored_from = beginning(path, spans);
  if (!stored_from) return point;
  const Lsn from = held_from == 0 ? *stored_from : std::min(*stored_from, held_from);
  const auto [at, hole] = first_hole(path, spans, from);
  point.found = true;
  point.timeline = path[at].timeline;
  point.hole = hole;
  point.hole_end = path[at].end;
  for (const WalSpan& span : spans[at]) {
    if (span.start > hole) point.hole_end = std::min(point.hole_end, span.start);
  }
  if (!spans.back().empty()) point.furthest = spans.back().back().end;
  point.segment_start = hole / segment_bytes * segment_bytes;
  const WalName segment{WalKind::segment, system_id, point.timeline, point.segment_start,
                        point.segment_start + segment_bytes};
  // A piece that does not join what lies before it is stored anew, under other names.
  point.known = chain_of_pieces(objects, segment);
  point.stored = point.known.empty() ? point.segment_start : point.known.back().end;
  return point;
}

}  // namespace drkit::systems::postgres
