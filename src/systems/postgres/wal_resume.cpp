#include "systems/postgres/wal_resume.hpp"

#include <algorithm>

#include "systems/postgres/wal_pieces.hpp"

namespace drkit::systems::postgres {
namespace {

// The end of what is stored of a timeline. Pieces count only as far as they follow a segment or begin one.
Lsn end_of(const std::vector<WalObject>& objects, TimelineId timeline) {
  Lsn end = 0;
  for (const WalObject& object : objects) {
    const bool counts = object.name.kind == WalKind::segment || object.name.kind == WalKind::piece;
    if (counts && object.name.timeline == timeline) end = std::max(end, object.name.end);
  }
  return end;
}

}  // namespace

Result<ResumePoint> find_resume_point(const Context& ctx, const WalArchive& archive, std::uint64_t system_id,
                                      const Path& path, std::uint64_t segment_bytes) {
  DRKIT_ASSIGN(const std::vector<WalObject> objects, archive.list(ctx, system_id));
  ResumePoint point;
  for (std::size_t at = path.size(); at-- > 0;) {
    const Lsn end = end_of(objects, path[at].timeline);
    if (end == 0) continue;
    point.found = true;
    point.timeline = path[at].timeline;
    point.stored = std::min(end, path[at].end);
    if (point.stored == path[at].end && at + 1 < path.size()) {
      // All of this one is there: the next one begins with a copy of the segment in which it left.
      point.timeline = path[at + 1].timeline;
      point.segment_start = path[at].end / segment_bytes * segment_bytes;
      point.stored = point.segment_start;
      return point;
    }
    point.segment_start = point.stored / segment_bytes * segment_bytes;
    const WalName segment{WalKind::segment, system_id, point.timeline, point.segment_start,
                          point.segment_start + segment_bytes};
    // A piece that does not join what lies before it is stored anew, under other names.
    point.known = chain_of_pieces(objects, segment);
    point.stored = point.known.empty() ? point.segment_start : point.known.back().end;
    return point;
  }
  return point;
}

}  // namespace drkit::systems::postgres
