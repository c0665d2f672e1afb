// What can be recovered to, and what is wrong with the stored log.
#include "recovery_fixture.hpp"

using namespace drkit;
using namespace drkit::testing;

TEST_CASE("a snapshot of another branch has no window in the stored log") {
  Recovery made;
  WalBuilder log = made.log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  Recovery::fill(log, xid, time);
  WalBuilder other = log;
  std::uint32_t other_xid = xid;
  std::int64_t other_time = time;
  for (int i = 0; i < 3; ++i) {
    Recovery::fill(log, xid, time);
    Recovery::fill(other, other_xid, other_time, std::byte{6});
  }
  made.store(log, kStart, kStart + 4 * kSegment);
  made.snapshot(log, {.start = kStart + 100, .end = kStart + kSegment});
  const Snapshot foreign = made.snapshot(other, {.start = kStart + kSegment + 100, .end = kStart + 2 * kSegment});
  const auto report = verify_wal(made.ctx, made.repository);
  REQUIRE_MESSAGE(report.ok(), words(report));
  REQUIRE(report->problems.size() == 1);
  CHECK(report->problems[0].code == "wal_other_history");
  CHECK(has(report->problems[0].message, foreign.id.substr(0, 8)));
  REQUIRE(report->windows.size() == 2);
  CHECK(report->windows[0].ended_by == "end of log");
  CHECK(report->windows[0].proof == "history");
  CHECK(report->windows[1].end_lsn == report->windows[1].start_lsn);
  CHECK(report->windows[1].ended_by == "other history");
  CHECK((*recovery_window(made.ctx, made.repository))[1].proof == "names");
}

TEST_CASE("a backup of a standby waits for its segment without an alarm") {
  Recovery made;
  WalBuilder log = made.log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  for (int i = 0; i < 2; ++i) Recovery::fill(log, xid, time);
  log.commit(xid++, time += kMinute);
  const auto end = log.end();
  made.snapshot(log, {.start = kStart + kSegment + 100, .end = end, .from = "standby"});
  made.store(log, kStart, kStart + 2 * kSegment);
  CHECK(made.problems() == std::multiset<std::string>{});
  Recovery::fill(log, xid, time);
  const auto third = log.end() - kSegment;
  SUBCASE("which comes") {
    made.store(log, third, third + kSegment);
    CHECK(made.problems(true) == std::multiset<std::string>{});
    CHECK((*recovery_window(made.ctx, made.repository))[0].end_lsn == third + kSegment);
  }
  SUBCASE("which is passed over") {
    Recovery::fill(log, xid, time);
    made.store(log, third + kSegment, third + 2 * kSegment);
    CHECK(made.problems() == std::multiset<std::string>{"wal_hole", "wal_snapshot_unreachable"});
  }
}

TEST_CASE("a backup that the archive never came near to is told") {
  Recovery made;
  WalBuilder log = made.log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  for (int i = 0; i < 5; ++i) Recovery::fill(log, xid, time);
  made.store(log, kStart, kStart + kSegment);
  made.snapshot(log, {.start = kStart + 3 * kSegment + 100, .end = kStart + 4 * kSegment});
  CHECK(made.problems() == std::multiset<std::string>{"wal_snapshot_unreachable"});
}
