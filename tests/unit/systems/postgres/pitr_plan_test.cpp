// Which snapshot and which timeline a recovery takes, and what it refuses to take.
#include "recovery_fixture.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

/// Six segments of one cluster; a snapshot in the first and one in the fourth.
struct Straight : Recovery {
  WalBuilder log = log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  Snapshot older, newer;

  Straight() {
    for (int i = 0; i < 6; ++i) fill(log, xid, time);
    store(log, kStart, kStart + 6 * kSegment);
    older = snapshot(log, {.start = kStart + 100, .end = kStart + kSegment});
    newer = snapshot(log, {.start = kStart + 3 * kSegment + 100, .end = kStart + 4 * kSegment});
  }
};

/// A copy that was started without recovery: the same log for two segments, then another one under the same timeline.
struct Forked : Recovery {
  WalBuilder old_branch = log_of(), new_branch = log_of();
  Snapshot before, after;

  explicit Forked(bool with_log = true) {
    std::uint32_t xid = 700;
    std::int64_t time = kNoon;
    for (int i = 0; i < 2; ++i) fill(old_branch, xid, time);
    new_branch = old_branch;
    std::uint32_t other_xid = xid;
    std::int64_t other_time = time;
    for (int i = 0; i < 4; ++i) fill(old_branch, xid, time), fill(new_branch, other_xid, other_time, std::byte{6});
    before = snapshot(old_branch, {.start = kStart + 100, .end = kStart + kSegment});
    store(old_branch, kStart, kStart + 6 * kSegment);
    after = snapshot(new_branch,
                     {.start = kStart + 3 * kSegment + 100, .end = kStart + 4 * kSegment, .with_log = with_log});
  }
};

/// A trial on timeline 2 that left log behind, while timeline 1 went on.
struct Trial : Recovery {
  WalBuilder log = log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  std::uint64_t fork = 0;
  std::uint32_t trial_xid = 0;

  Trial() {
    for (int i = 0; i < 2; ++i) fill(log, xid, time);
    snapshot(log, {.start = kStart + 100, .end = kStart + kSegment});
    fork = log.end();
    WalBuilder trial = log;
    trial_xid = xid + 5000;
    std::uint32_t next = trial_xid;
    std::int64_t trial_time = time;
    fill(trial, next, trial_time, std::byte{7});
    for (int i = 0; i < 3; ++i) fill(log, xid, time);
    store(log, kStart, kStart + 5 * kSegment);
    store(trial, fork, fork + kSegment, 2);
    store_history(2, "1\t" + systems::postgres::format_lsn(fork) + "\tat restore point\n");
  }
};

}  // namespace

TEST_CASE_FIXTURE(Straight, "the latest state comes from the newest snapshot, and all of the log was read") {
  const auto latest = plan(PitrKind::latest);
  REQUIRE_MESSAGE(latest.ok(), words(latest));
  CHECK(latest->snapshot.id == newer.id);
  CHECK(latest->stop_lsn == kStart + 6 * kSegment);
  CHECK(latest->log_was_read);
  CHECK(latest->timelines.empty());
  CHECK(problems() == std::multiset<std::string>{});
}

TEST_CASE_FIXTURE(Forked, "the log of another branch of history is not joined to a snapshot") {
  const auto latest = plan(PitrKind::latest);
  REQUIRE_FALSE(latest.ok());
  CHECK(latest.error().code() == ErrorCode::precondition_failed);
  CHECK(has(latest, "the log in the repository is not this snapshot's: "));
  CHECK(has(latest, after.id.substr(0, 8)));
  CHECK(has(latest, "name the snapshot of the stored log's branch, such as " + before.id.substr(0, 8)));
  CHECK(plan(PitrKind::lsn, [](PitrOptions& o) { o.target.lsn = kStart + 5 * kSegment; }).error().code() ==
        ErrorCode::precondition_failed);
  // What is sound stays reachable: its own end, and the old branch for who names it.
  const auto own = plan(PitrKind::immediate);
  REQUIRE_MESSAGE(own.ok(), words(own));
  CHECK(own->snapshot.id == after.id);
  CHECK(own->own_log_only);
  const auto old = plan(PitrKind::latest, [&](PitrOptions& o) { o.snapshot = before.id; });
  REQUIRE_MESSAGE(old.ok(), words(old));
  CHECK(old->stop_lsn == kStart + 6 * kSegment);
  CHECK(*compare_with_log(ctx, repository, before) == "");
  CHECK(has(*compare_with_log(ctx, repository, after), "is not this snapshot's"));
}

TEST_CASE("a snapshot of another branch that lies further back in the log than older ones is not passed over") {
  Recovery made;
  WalBuilder log = made.log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  Recovery::fill(log, xid, time);
  WalBuilder other = log;
  std::uint32_t other_xid = xid;
  std::int64_t other_time = time;
  for (int i = 0; i < 4; ++i) Recovery::fill(log, xid, time);
  Recovery::fill(other, other_xid, other_time, std::byte{6});
  made.store(log, kStart, kStart + 5 * kSegment);
  made.snapshot(log, {.start = kStart + 3 * kSegment + 100, .end = kStart + 4 * kSegment});
  made.snapshot(other, {.start = kStart + kSegment + 100, .end = kStart + 2 * kSegment});
  CHECK(made.plan(PitrKind::latest).error().code() == ErrorCode::precondition_failed);
}

TEST_CASE_FIXTURE(Trial, "a dead trial's timeline is not taken for the cluster's because its number is higher") {
  SUBCASE("the newest snapshot says where the cluster went on") {
    const Snapshot newest = snapshot(log, {.start = kStart + 3 * kSegment + 100, .end = kStart + 4 * kSegment});
    const auto latest = plan(PitrKind::latest);
    REQUIRE_MESSAGE(latest.ok(), words(latest));
    CHECK(latest->timeline == 1);
    CHECK(latest->snapshot.id == newest.id);
    REQUIRE(latest->timelines.size() == 2);
    CHECK(latest->timelines[0].end_lsn == kStart + 5 * kSegment);
    CHECK(latest->timelines[1].end_lsn == fork + kSegment);
    CHECK(latest->timelines[1].end_time_ns > 0);
    // Only the other one holds it: that is said.
    const auto other = plan(PitrKind::xid, [&](PitrOptions& o) { o.target.xid = trial_xid; });
    CHECK(other.error().code() == ErrorCode::not_found);
    CHECK(has(other, "it can be reached when this timeline is asked for: 2"));
  }
  SUBCASE("without one the user must say it") {
    const auto latest = plan(PitrKind::latest);
    REQUIRE_FALSE(latest.ok());
    CHECK(latest.error().code() == ErrorCode::invalid_argument);
    CHECK(has(latest, "say which one: timeline 1 to " + systems::postgres::format_lsn(kStart + 5 * kSegment) + " ("));
    CHECK(has(latest, "timeline 2 to " + systems::postgres::format_lsn(fork + kSegment) + " ("));
    CHECK(plan(PitrKind::latest, [](PitrOptions& o) { o.timeline = 2; })->timeline == 2);
    CHECK(plan(PitrKind::latest, [](PitrOptions& o) { o.timeline = 1; })->timelines.size() == 2);
    // What both share, or only one holds, needs no choice.
    CHECK(plan(PitrKind::immediate)->timeline == 1);
    CHECK(plan(PitrKind::lsn, [&](PitrOptions& o) { o.target.lsn = fork - 100'000; })->timeline == 1);
    CHECK(plan(PitrKind::xid, [&](PitrOptions& o) { o.target.xid = trial_xid; })->timeline == 2);
    CHECK(plan(PitrKind::xid, [&](PitrOptions& o) { o.target.xid = xid - 1; })->timeline == 1);
  }
}

TEST_CASE("what a crash left behind the fork is no way of its own") {
  Recovery made;
  WalBuilder log = made.log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  for (int i = 0; i < 2; ++i) Recovery::fill(log, xid, time);
  log.commit(xid++, time += kMinute);
  const std::uint64_t fork = log.end();
  WalBuilder heir = log;
  Recovery::fill(heir, xid, time, std::byte{7});
  log.add(10, 0, 0, Bytes(30'000, std::byte{5}));
  made.snapshot(log, {.start = kStart + 100, .end = kStart + kSegment});
  made.store(log, kStart, kStart + 3 * kSegment);
  made.store(heir, kStart + 2 * kSegment, kStart + 3 * kSegment, 2);
  made.store_history(2, "1\t" + systems::postgres::format_lsn(fork) + "\tno recovery target specified\n");
  const auto latest = made.plan(PitrKind::latest);
  REQUIRE_MESSAGE(latest.ok(), words(latest));
  CHECK(latest->timeline == 2);
  CHECK(latest->timelines.empty());
  CHECK(latest->stop_lsn == kStart + 3 * kSegment);
}

TEST_CASE("a partial snapshot is used by who names it") {
  Recovery made;
  WalBuilder log = made.log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  for (int i = 0; i < 4; ++i) Recovery::fill(log, xid, time);
  made.store(log, kStart, kStart + 4 * kSegment);
  const Snapshot partial =
      made.snapshot(log, {.start = kStart + kSegment + 100, .end = kStart + 2 * kSegment, .partial = true});
  REQUIRE(partial.status == Status::partial);
  const auto unnamed = made.plan(PitrKind::latest);
  CHECK(unnamed.error().code() == ErrorCode::not_found);
  CHECK(has(unnamed, "only partial snapshots"));
  CHECK(has(unnamed, partial.id.substr(0, 8)));
  CHECK(made.problems() == std::multiset<std::string>{"wal_only_partial"});
  const auto named = made.plan(PitrKind::latest, [&](PitrOptions& o) { o.snapshot = partial.id; });
  REQUIRE_MESSAGE(named.ok(), words(named));
  CHECK(named->stop_lsn == kStart + 4 * kSegment);
  CHECK(made.warnings.tell("could not read 1 entries: base/1/1259"));
  // Beside a complete one it is no problem; that it is newer is said.
  const Snapshot whole = made.snapshot(log, {.start = kStart + 100, .end = kStart + kSegment});
  made.snapshot(log, {.start = kStart + kSegment + 100, .end = kStart + 2 * kSegment, .partial = true});
  CHECK(made.problems() == std::multiset<std::string>{});
  CHECK(made.plan(PitrKind::latest)->snapshot.id == whole.id);
  CHECK(made.warnings.tell("newer snapshots are partial"));
}

TEST_CASE_FIXTURE(Straight, "log that is damaged is found before anything is restored") {
  SUBCASE("a byte") {
    spoil(key_of(1, kStart + 4 * kSegment));
    const auto latest = plan(PitrKind::latest);
    CHECK(latest.error().code() == ErrorCode::corrupt);
    CHECK(has(latest, "log that recovery needs is damaged: 00000001000000000000005"));
    CHECK(has(latest, "recovery is possible up to the position 0/5"));
    CHECK_FALSE(plan(PitrKind::latest, [](PitrOptions& o) { o.read_log = false; })->log_was_read);
    CHECK(problems(false) == std::multiset<std::string>{});
    CHECK(problems(true) == std::multiset<std::string>{"wal_damaged"});
  }
  SUBCASE("emptied, or cut to nearly nothing") {
    cut(key_of(1, kStart + 4 * kSegment), 0);
    cut(key_of(1, kStart + 2 * kSegment), 100);
    CHECK(plan(PitrKind::latest).error().code() == ErrorCode::corrupt);
    CHECK(problems() == std::multiset<std::string>{"wal_damaged", "wal_damaged", "wal_snapshot_unreachable"});
    const auto windows = recovery_window(ctx, repository);
    REQUIRE(windows->size() == 2);
    CHECK((*windows)[0].end_lsn == kStart + 2 * kSegment);
    CHECK((*windows)[1].end_lsn == kStart + 4 * kSegment);
    CHECK((*windows)[1].ended_by == "damaged");
    CHECK((*windows)[1].proof == "names");
  }
  SUBCASE("cut in the middle, which only reading shows") {
    cut(key_of(1, kStart + 4 * kSegment), 300);
    CHECK(plan(PitrKind::latest).error().code() == ErrorCode::corrupt);
    CHECK(problems(true) == std::multiset<std::string>{"wal_damaged"});
  }
}

TEST_CASE("segments of two branches that lie side by side are no log") {
  Recovery made;
  WalBuilder log = made.log_of(), other = made.log_of();
  for (auto* each : {&log, &other}) {
    const std::byte with{each == &log ? std::uint8_t{5} : std::uint8_t{6}};
    while (each->bytes().size() < 3 * kSegment)
      each->add(10, 0, 1, Bytes(each == &log ? 3000 : 3500, with)), each->commit(1, kNoon);
  }
  made.store(log, kStart, kStart + 2 * kSegment);
  made.store(other, kStart + 2 * kSegment, kStart + 3 * kSegment);
  made.snapshot(log, {.start = kStart + 100, .end = kStart + kSegment});
  const auto latest = made.plan(PitrKind::latest);
  CHECK(latest.error().code() == ErrorCode::corrupt);
  CHECK(has(latest, "does not go on in"));
  CHECK(made.problems(true) == std::multiset<std::string>{"wal_damaged"});
}

TEST_CASE_FIXTURE(Straight, "messages say what can be done instead") {
  const auto after = plan(
      PitrKind::time, [&](PitrOptions& o) { o.target.time_ns = systems::postgres::wall_ns_of_server(time + kMinute); });
  CHECK(has(after, "the last transaction before that ended at 2025-"));
  CHECK(has(after, "ask for the latest state"));
  for (const PitrKind kind : {PitrKind::latest, PitrKind::immediate, PitrKind::name}) {
    CHECK(plan(kind, [](PitrOptions& o) { o.target.inclusive = false; }).error().code() == ErrorCode::invalid_argument);
  }
  snapshot(log, {.start = kStart + 100, .end = kStart + kSegment, .system_id = 78});
  const auto which = plan(PitrKind::latest);
  CHECK(which.error().code() == ErrorCode::invalid_argument);
  CHECK(has(which, "77, 78"));
}

TEST_CASE("a name that was given twice is told") {
  Recovery made;
  WalBuilder log = made.log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  Recovery::fill(log, xid, time);
  const auto first = log.restore_point("here", time);
  Recovery::fill(log, xid, time);
  const auto second = log.restore_point("here", time);
  Recovery::fill(log, xid, time);
  made.store(log, kStart, kStart + 3 * kSegment);
  made.snapshot(log, {.start = kStart + 100, .end = kStart + kSegment});
  const auto named = made.plan(PitrKind::name, [](PitrOptions& o) { o.target.name = "here"; });
  REQUIRE_MESSAGE(named.ok(), words(named));
  CHECK(named->stop_lsn > first);
  CHECK(named->stop_lsn < second);
  CHECK(made.warnings.tell("the name was given to several restore points; the one at " +
                           systems::postgres::format_lsn(first)));
  CHECK(made.warnings.tell("others are at " + systems::postgres::format_lsn(second)));
}

TEST_CASE("an old time among many snapshots costs few segments") {
  Recovery made;
  WalBuilder log = made.log_of();
  std::uint32_t xid = 700;
  std::int64_t time = kNoon;
  constexpr int kNights = 64;
  std::int64_t target = 0;
  for (int night = 0; night < kNights; ++night) {
    const auto start = log.end();
    Recovery::fill(log, xid, time);
    made.snapshot(log, {.start = start + (night == 0 ? 100U : 0U), .end = log.end(), .with_log = false});
    if (night == 2) target = time + 5 * kMinute;
  }
  made.store(log, kStart, kStart + kNights * std::uint64_t{kSegment});
  made.storage->whole_reads = 0;
  const auto old = made.plan(PitrKind::time, [&](PitrOptions& o) {
    o.target.time_ns = systems::postgres::wall_ns_of_server(target);
    o.read_log = false;
  });
  REQUIRE_MESSAGE(old.ok(), words(old));
  CHECK(old->start_lsn == kStart + 2 * kSegment);
  MESSAGE("whole segments read: " << made.storage->whole_reads.load());
  CHECK(made.storage->whole_reads < 20);
}
