// Where receiving goes on: at the first hole, whatever an archiver stored behind it.
#include <doctest/doctest.h>

#include "systems/postgres/wal_available.hpp"
#include "systems/postgres/wal_resume.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

constexpr std::uint64_t kSystem = 77, kSegment = 1 << 20;
constexpr Lsn kEnd = ~Lsn{0};

Lsn seg(std::uint64_t number) { return number * kSegment; }

struct Fixture {
  Context ctx;
  WalArchive archive{testing::new_repository(ctx)};

  void put(WalKind kind, Lsn start, Lsn end, TimelineId timeline = 1) const {
    const Bytes bytes(kind == WalKind::gap ? 0 : static_cast<std::size_t>(end - start));
    const auto stored = archive.put(ctx, {kind, kSystem, timeline, start, end}, bytes);
    REQUIRE_MESSAGE(stored.ok(), testing::words(stored));
  }
  ResumePoint find(const Path& path = {{1, 0, kEnd}}, Lsn held_from = 0) const {
    const auto point = find_resume_point(ctx, archive, kSystem, path, kSegment, held_from);
    REQUIRE_MESSAGE(point.ok(), testing::words(point));
    return *point;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a segment that was pushed behind a hole does not hide it") {
  put(WalKind::segment, seg(5), seg(6));
  put(WalKind::piece, seg(6), seg(6) + 5000);
  put(WalKind::segment, seg(11), seg(12));
  const ResumePoint point = find();
  CHECK(point.segment_start == seg(6));
  CHECK(point.hole == seg(6) + 5000);
  CHECK(point.stored == seg(6) + 5000);
  CHECK(point.known.size() == 1);
  CHECK(point.hole_end == seg(11));
  CHECK(point.furthest == seg(12));
}

TEST_CASE_FIXTURE(Fixture, "what is recorded as lost is passed over, and only that") {
  put(WalKind::segment, seg(5), seg(6));
  put(WalKind::gap, seg(6), seg(8));
  put(WalKind::segment, seg(8), seg(9));
  CHECK(find().hole == seg(9));
  CHECK(find().hole_end == kEnd);
  put(WalKind::segment, seg(10), seg(11));
  put(WalKind::gap, seg(11), seg(12));
  CHECK(find().hole == seg(9));
}

TEST_CASE_FIXTURE(Fixture, "what the slot holds from before the stored log is wanted, too") {
  put(WalKind::segment, seg(5), seg(7));
  CHECK(find({{1, 0, kEnd}}, seg(6) + 100).hole == seg(7));
  const ResumePoint point = find({{1, 0, kEnd}}, seg(3) + 100);
  CHECK(point.hole == seg(3) + 100);
  CHECK(point.segment_start == seg(3));
  CHECK(point.hole_end == seg(5));
}

TEST_CASE_FIXTURE(Fixture, "the tail of a timeline is not skipped because the next one was archived first") {
  const Path path{{1, 0, seg(8) + 600}, {2, seg(8) + 600, kEnd}};
  put(WalKind::segment, seg(5), seg(6));
  put(WalKind::segment, seg(8), seg(9), 2);
  put(WalKind::segment, seg(9), seg(10), 2);
  const ResumePoint tail = find(path);
  CHECK(tail.timeline == 1);
  CHECK(tail.hole == seg(6));
  CHECK(tail.hole_end == seg(8) + 600);
  put(WalKind::segment, seg(6), seg(7));
  put(WalKind::segment, seg(7), seg(8));
  // The last file of the old timeline is the first one of the new.
  const ResumePoint next = find(path);
  CHECK(next.timeline == 2);
  CHECK(next.segment_start == seg(10));
}

TEST_CASE_FIXTURE(Fixture,
                  "a timeline that is all there leads to the next one, from the segment in which it was left") {
  const Path path{{1, 0, seg(8) + 600}, {2, seg(8) + 600, kEnd}};
  put(WalKind::segment, seg(7), seg(8));
  put(WalKind::partial, seg(8), seg(9));
  const ResumePoint point = find(path);
  CHECK(point.timeline == 2);
  CHECK(point.segment_start == seg(8));
  CHECK(point.stored == seg(8));
  CHECK(point.hole == seg(8) + 600);
  CHECK_FALSE(find({{3, 0, kEnd}}).found);
}

TEST_CASE("the first segment that a server still has is found with few questions") {
  for (const std::uint64_t oldest : {2ULL, 3ULL, 40ULL, 99ULL, 100ULL, 5000ULL}) {
    CAPTURE(oldest);
    int asked = 0;
    const auto found = first_available(seg(1), seg(100), kSegment, [&](Lsn start) -> Result<bool> {
      CHECK(start > seg(1));
      CHECK(start < seg(100));
      ++asked;
      return start >= seg(oldest);
    });
    REQUIRE(found.ok());
    CHECK(*found == std::min(seg(oldest), seg(100)));
    CHECK(asked <= 14);
  }
  // A hole ends in the middle of a segment where a timeline was left.
  const auto never = [](Lsn) -> Result<bool> { return false; };
  CHECK(*first_available(seg(1), seg(3) + 600, kSegment, never) == seg(3) + 600);
  CHECK(*first_available(seg(1), seg(1) + 600, kSegment, never) == seg(1) + 600);
  CHECK_FALSE(first_available(seg(1), seg(9), kSegment, [](Lsn) -> Result<bool> {
                return Error(ErrorCode::unavailable, "away");
              }).ok());
}
