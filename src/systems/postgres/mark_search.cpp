#include "systems/postgres/mark_search.hpp"

#include <algorithm>

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

// Records end anywhere: nearly every segment ends in the middle of one, whose rest is the head of the next segment.
Result<WalScan> MarkSearch::scan_segment(const WalName& object, const Visit& visit) const {
  DRKIT_ASSIGN(Bytes bytes, segment_of(object));
  DRKIT_ASSIGN(WalScan scan, scan_wal(bytes, visit));
  const Lsn border = end_of_segment(object);
  if (!scan.cut) return scan;
  const std::vector<WalName> next = map_.objects_between(path_, border, border + 1);
  if (next.empty()) return scan;
  DRKIT_ASSIGN(const Bytes rest, segment_of(next.front()));
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  const Lsn seen = scan.end;
  const auto over =
      scan_wal_until(bytes, border, [&](const WalMark& mark) { return mark.start < seen || visit(mark); });
  DRKIT_TRY(over);
  return *over;
}

Result<std::optional<FoundMark>> MarkSearch::find_in(const WalName& object, const MarkQuery& query, Lsn from, Lsn to,
                                                     bool border_only) const {
  const Lsn border = end_of_segment(object);
  std::optional<FoundMark> found;
  std::int64_t before = 0;
  DRKIT_TRY(scan_segment(object, [&](const WalMark& mark) {
    const bool here = !border_only || mark.end > border;
    if (here && mark.end > from && mark.start < to && query.wanted(mark)) {
      found = FoundMark{mark, before};
      return false;
    }
    if (mark.kind != WalMark::Kind::restore_point) before = mark.time_ns;
    return true;
  }));
  return found;
}

Result<std::optional<FoundMark>> MarkSearch::find_at_borders(const std::vector<Skipped>& skipped, std::size_t first,
                                                             const MarkQuery& query, Lsn from, Lsn to) const {
  for (std::size_t at = first; at < skipped.size(); ++at) {
    DRKIT_TRY(ctx_.check_cancelled());
    DRKIT_ASSIGN(const auto found, find_in(skipped[at].name, query, from, to, true));
    if (found) return found;
  }
  return std::optional<FoundMark>();
}

// Back from the object to the last segment in which a transaction ended: times ascend, so what is looked for lies over
// none of the borders before it.
std::size_t MarkSearch::borders_before(const std::vector<Skipped>& skipped, const WalName& object) const {
  Lsn next = object.start / map_.segment_bytes() * map_.segment_bytes();
  std::size_t at = skipped.size();
  while (at > 0 && end_of_segment(skipped[at - 1].name) == next) {
    next = skipped[--at].name.start;
    if (skipped[at].commits > 0) break;
  }
  return at;
}

Result<std::optional<FoundMark>> MarkSearch::first(const MarkQuery& query, Lsn from, Lsn to) const {
  Lsn done = 0;
  std::vector<Skipped> skipped;
  for (const WalName& object : map_.objects_between(path_, from, to)) {
    DRKIT_TRY(ctx_.check_cancelled());
    if (object.end <= done) continue;
    if (object.kind == WalKind::segment) {
      DRKIT_ASSIGN(const WalFacts facts, archive_.facts(ctx_, object));
      if (!query.possible(facts)) {
        skipped.push_back({object, facts.commits});
        continue;
      }
    }
    const std::size_t beside = borders_before(skipped, object);
    DRKIT_ASSIGN(auto found, find_at_borders(skipped, beside, query, from, to));
    if (found) return found;
    skipped.resize(beside);
    done = end_of_segment(object);
    DRKIT_ASSIGN(found, find_in(object, query, from, to, false));
    if (found) return found;
  }
  return find_at_borders(skipped, 0, query, from, to);
}

Result<std::int64_t> MarkSearch::time_in_segment(const WalName& object, Lsn lsn) const {
  std::int64_t time = 0;
  DRKIT_TRY(scan_segment(object, [&](const WalMark& mark) {
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
    done = end_of_segment(object);
    DRKIT_ASSIGN(const WalScan scan, scan_segment(object, [](const WalMark&) { return true; }));
    if (scan.records > 0 && scan.last_start >= lsn) return true;
  }
  return false;
}

// A record may be longer than many segments, of which the last ones end no record.
Result<Lsn> MarkSearch::last_record_end(Lsn from, Lsn to) const {
  for (Lsn position = to; position > from;) {
    DRKIT_TRY(ctx_.check_cancelled());
    const std::vector<WalName> objects = map_.objects_between(path_, position - 1, position);
    if (objects.empty()) break;
    DRKIT_ASSIGN(const Bytes bytes, segment_of(objects.front()));
    DRKIT_ASSIGN(const WalScan scan, scan_wal(bytes, [](const WalMark&) { return true; }));
    const Lsn start = objects.front().start / map_.segment_bytes() * map_.segment_bytes();
    // A record from the segments before may end here and be the last one, if all of it is there.
    if (scan.records > 0 || (scan.end > start && scan.end <= to)) return std::clamp(scan.end, from, to);
    position = start;
  }
  return from;
}

}  // namespace drkit::systems::postgres
