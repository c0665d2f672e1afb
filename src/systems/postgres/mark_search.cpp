#include "systems/postgres/mark_search.hpp"

#include "systems/postgres/wal_pieces.hpp"

namespace drkit::systems::postgres {

Result<Bytes> MarkSearch::segment_of(const WalName& object) const {
  const std::uint64_t size = map_.segment_bytes();
  const Lsn start = object.start / size * size;
  DRKIT_ASSIGN(
      SegmentBytes segment,
      read_segment(ctx_, archive_, {WalKind::segment, object.system_id, object.timeline, start, start + size}));
  return std::move(segment.bytes);
}

Result<std::optional<FoundMark>> MarkSearch::first(const MarkQuery& query, Lsn from, Lsn to) const {
  Lsn done = 0;
  for (const WalName& object : map_.objects_between(path_, from, to)) {
    DRKIT_TRY(ctx_.check_cancelled());
    if (object.end <= done) continue;
    if (object.kind == WalKind::segment) {
      DRKIT_ASSIGN(const WalFacts facts, archive_.facts(ctx_, object));
      if (!query.possible(facts)) continue;
    }
    DRKIT_ASSIGN(const Bytes bytes, segment_of(object));
    done = (object.start / map_.segment_bytes() + 1) * map_.segment_bytes();
    std::optional<FoundMark> found;
    std::int64_t before = 0;
    DRKIT_TRY(scan_wal(bytes, [&](const WalMark& mark) {
      if (mark.end > from && mark.start < to && query.wanted(mark)) {
        found = FoundMark{mark, before};
        return false;
      }
      if (mark.kind != WalMark::Kind::restore_point) before = mark.time_ns;
      return true;
    }));
    if (found) return found;
  }
  return std::optional<FoundMark>();
}

Result<std::int64_t> MarkSearch::time_at(Lsn lsn) const {
  std::int64_t time = 0;
  const Lsn before = lsn == 0 ? 0 : lsn - 1;
  const std::vector<WalName> objects = map_.objects_between(path_, before, lsn);
  if (objects.empty()) return time;
  DRKIT_ASSIGN(const Bytes bytes, segment_of(objects.front()));
  DRKIT_TRY(scan_wal(bytes, [&](const WalMark& mark) {
    if (mark.end > lsn) return false;
    if (mark.kind != WalMark::Kind::restore_point) time = mark.time_ns;
    return true;
  }));
  return time;
}

Result<bool> MarkSearch::has_record_from(Lsn lsn, Lsn to) const {
  Lsn done = 0;
  for (const WalName& object : map_.objects_between(path_, lsn, to)) {
    DRKIT_TRY(ctx_.check_cancelled());
    if (object.end <= done) continue;
    DRKIT_ASSIGN(const Bytes bytes, segment_of(object));
    done = (object.start / map_.segment_bytes() + 1) * map_.segment_bytes();
    DRKIT_ASSIGN(const WalScan scan, scan_wal(bytes, [](const WalMark&) { return true; }));
    if (scan.records > 0 && scan.last_start >= lsn) return true;
  }
  return false;
}

}  // namespace drkit::systems::postgres
