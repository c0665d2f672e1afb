// Records that lie over the border of two segments are found, whatever the headers say.
#include <doctest/doctest.h>

#include <algorithm>

#include "systems/postgres/mark_search.hpp"
#include "systems/postgres/wal_record.hpp"
#include "testing/memory_repository.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

constexpr std::uint64_t kSystem = 77, kStart = 0x5000000;
constexpr std::uint32_t kSegment = 1 << 20;
constexpr std::int64_t kTime = 5'000'000;

struct Fixture {
  Context ctx;
  Repository repository = testing::new_repository(ctx);
  WalArchive archive{repository};
  testing::WalBuilder log{kSystem, 1, kStart, kSegment};
  Path path{{1, 0, ~Lsn{0}}};

  // Fills the segment up so that the next record begins in it and ends in the next one.
  void come_to_border() {
    const std::size_t target = (log.bytes().size() / kSegment + 1) * kSegment;
    while (log.bytes().size() + 3200 < target) log.add(10, 0, 1, Bytes(3000, std::byte{5}));
    while (log.bytes().size() + 40 <= target) log.add(10, 0, 1, {});
    REQUIRE(log.bytes().size() < target);
  }
  void store(std::size_t segments) const {
    const Bytes bytes = log.padded();
    for (std::size_t at = 0; at < segments; ++at) {
      const ByteView each = ByteView(bytes).subspan(at * kSegment, kSegment);
      const Lsn start = kStart + at * kSegment;
      const auto facts = facts_of_segment(each);
      REQUIRE(facts.ok());
      REQUIRE(archive.put(ctx, {WalKind::segment, kSystem, 1, start, start + kSegment}, each, *facts).ok());
    }
  }
  WalMap map() const {
    const auto maps = WalMap::load(ctx, archive);
    REQUIRE_MESSAGE(maps.ok(), testing::words(maps));
    return maps->at(kSystem);
  }
};

MarkQuery for_xid(std::uint32_t xid) {
  return {[xid](const WalMark& mark) { return mark.kind == WalMark::Kind::commit && mark.xid == xid; },
          [xid](const WalFacts& facts) { return facts.min_xid <= xid && xid <= facts.max_xid; }};
}

MarkQuery for_name(const std::string& name) {
  return {[name](const WalMark& mark) { return mark.name == name; },
          [name](const WalFacts& facts) {
            return std::any_of(facts.restore_points.begin(), facts.restore_points.end(),
                               [&](const WalRestorePoint& point) { return point.name == name; });
          }};
}

MarkQuery later_than(std::int64_t server_time) {
  const std::int64_t limit = wall_ns_of_server(server_time);
  return {[limit](const WalMark& mark) { return mark.kind == WalMark::Kind::commit && mark.time_ns > limit; },
          [limit](const WalFacts& facts) { return facts.commits > 0 && facts.last_time_ns > limit; }};
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a commit and a restore point over a border are found, and the commit's time is known") {
  log.commit(700, kTime);
  come_to_border();
  const Lsn commit = log.commit(701, kTime + 10);
  const Lsn commit_end = log.end();
  REQUIRE(commit / kSegment != (commit_end - 1) / kSegment);
  come_to_border();
  const Lsn point = log.restore_point("here", kTime + 20);
  REQUIRE(point / kSegment != (log.end() - 1) / kSegment);
  log.commit(702, kTime + 30);
  store(3);
  const WalMap map = this->map();
  const MarkSearch search(ctx, archive, map, path);
  const Lsn end = kStart + 3 * kSegment;
  const auto check = [&](const MarkQuery& query, Lsn start) {
    const auto found = search.first(query, kStart, end);
    REQUIRE_MESSAGE(found.ok(), testing::words(found));
    REQUIRE(found->has_value());
    CHECK((*found)->mark.start == start);
  };
  check(for_xid(701), commit);
  check(for_name("here"), point);
  check(later_than(kTime + 5), commit);
  CHECK((*search.first(later_than(kTime + 15), kStart, end))->mark.xid == 702);
  CHECK_FALSE(search.first(for_xid(900), kStart, end)->has_value());
  CHECK(*search.time_at(commit_end) == wall_ns_of_server(kTime + 10));
  CHECK(*search.time_at(commit_end - 8) == wall_ns_of_server(kTime));
  CHECK(*search.has_record_from(point, end));
}

TEST_CASE_FIXTURE(Fixture, "the last whole record before the end of what is stored") {
  log.commit(700, kTime);
  come_to_border();
  const Lsn before = log.end();
  log.commit(701, kTime);
  const Lsn end = log.end();
  store(2);
  const WalMap map = this->map();
  const MarkSearch search(ctx, archive, map, path);
  // Without the second segment the record over the border is not whole.
  CHECK(*search.last_record_end(kStart, kStart + kSegment) == before);
  CHECK(*search.last_record_end(kStart, kStart + 2 * kSegment) == end);
  CHECK(*search.last_record_end(kStart, kStart + kSegment + 44) == before);
}
