#include "systems/postgres/mark_search.hpp"

#include "systems/postgres/wal_pieces.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr int kMostSegmentsBack = 4;

}  // namespace

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

Result<std::int64_t> MarkSearch::time_in_segment(const WalName& object, Lsn lsn) const {
  std::int64_t time = 0;
  DRKIT_ASSIGN(const Bytes bytes, segment_of(object));
  DRKIT_TRY(scan_wal(bytes, [&](const WalMark& mark) {
    if (mark.end > lsn) return false;
    if (mark.kind != WalMark::Kind::restore_point) time = mark.time_ns;
    return true;
  }));
  return time;
}

// A segment that has just begun holds no end of a transaction yet; the ones before it do.
Result<std::int64_t> MarkSearch::time_at(Lsn lsn) const {
  Lsn position = lsn;
  for (int round = 0; round < kMostSegmentsBack && position > 0; ++round) {
    const std::vector<WalName> objects = map_.objects_between(path_, position - 1, position);
    if (objects.empty()) break;
    DRKIT_ASSIGN(const std::int64_t time, time_in_segment(objects.front(), lsn));
    if (time != 0) return time;
    position = (position - 1) / map_.segment_bytes() * map_.segment_bytes();
  }
  return std::int64_t{0};
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
