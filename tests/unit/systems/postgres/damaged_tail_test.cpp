// A tail of the log that is damaged: never a shorter log, and never in the way of what lies before.
#include <array>
#include <fstream>
#include <iterator>

#include <drkit/wal_files.hpp>

#include "recovery_fixture.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

constexpr std::uint64_t kTail = kStart + kSegment;
constexpr std::size_t kParts = 3;

/// A snapshot, a whole segment, and a tail of three parts, each with commits.
struct DamagedTail {
  TempDir dir;
  Recovery made{*make_local_storage(dir / "repo", {.create = true})};
  WalBuilder log = made.log_of();
  std::array<std::uint64_t, kParts> ends{}, stored{};
  std::string key;

  DamagedTail() {
    std::uint32_t xid = 700;
    std::int64_t time = kNoon;
    Recovery::fill(log, xid, time);
    made.store(log, kStart, kTail);
    made.snapshot(log, {.start = kStart + 100, .end = kStart + 300'000});
    auto tail = made.archive.begin_tail(made.ctx, kSystem, 1, kTail);
    REQUIRE_MESSAGE(tail.ok(), words(tail));
    for (std::size_t part = 0; part < kParts; ++part) {
      const std::uint64_t from = part == 0 ? kTail : ends[part - 1];
      for (int i = 0; i < 5; ++i) {
        log.add(10, 0, xid, Bytes(3000, std::byte{5}));
        log.commit(xid++, time += kMinute);
      }
      ends[part] = log.end();
      REQUIRE((*tail)->append(made.ctx, between(from, log.end())).ok());
      const auto objects = made.archive.list(made.ctx, kSystem);
      REQUIRE(objects->back().name == WalName{WalKind::piece, kSystem, 1, kTail, log.end()});
      stored[part] = objects->back().stored_bytes;
      key = objects->back().key;
    }
  }
  ByteView between(std::uint64_t from, std::uint64_t to) const {
    return ByteView(log.bytes()).subspan(static_cast<std::size_t>(from - kStart), static_cast<std::size_t>(to - from));
  }
  void damage(std::size_t part) const {
    auto bytes = made.storage->get(made.ctx, key, {});
    REQUIRE(bytes.ok());
    (*bytes)[static_cast<std::size_t>(stored[part]) - 10] ^= std::byte{1};
    REQUIRE(made.storage->put(made.ctx, key, *bytes, {}).ok());
  }
  Result<void> get(bool up_to_damage) const {
    WalGetOptions options;
    options.system_id = kSystem;
    options.up_to_damage = up_to_damage;
    const std::string file = wal_file_of({WalKind::segment, kSystem, 1, kTail, kTail + kSegment}, kSegment);
    return get_wal(made.ctx, made.archive, file, dir / "got", options);
  }
  Bytes got() const {
    std::ifstream in(dir / "got", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const ByteView bytes = as_bytes(text);
    return Bytes(bytes.begin(), bytes.end());
  }
  Bytes padded(std::uint64_t to) const {
    const ByteView known = between(kTail, to);
    Bytes bytes(known.begin(), known.end());
    bytes.resize(kSegment);
    return bytes;
  }
  RecoveryWindow window() const {
    const auto windows = recovery_window(made.ctx, made.repository);
    REQUIRE_MESSAGE(windows.ok(), words(windows));
    REQUIRE(windows->size() == 1);
    return windows->front();
  }
  Result<PitrPlan> to_lsn(std::uint64_t lsn) const {
    return made.plan(PitrKind::lsn, [&](PitrOptions& options) { options.target.lsn = lsn; });
  }
};

ErrorCode code_of(const auto& result) { return result.ok() ? ErrorCode::ok : result.error().code(); }

}  // namespace

TEST_CASE_FIXTURE(DamagedTail, "a tail that is whole is the end of the log") {
  CHECK(made.problems(true) == std::multiset<std::string>{});
  CHECK(window().end_lsn == ends[2]);
  CHECK(window().ended_by == "end of log");
  REQUIRE(get(false).ok());
  CHECK(got() == padded(ends[2]));
}

TEST_CASE_FIXTURE(DamagedTail, "damage in the middle of a tail is told, and what lies before it can be recovered") {
  damage(1);
  CHECK(made.problems() == std::multiset<std::string>{"wal_damaged"});
  CHECK(made.problems(true) == std::multiset<std::string>{"wal_damaged"});
  CHECK(window().end_lsn == ends[0]);
  CHECK(window().ended_by == "damaged");
  CHECK(has(made.plan(PitrKind::latest), "is damaged"));
  CHECK(words(to_lsn(ends[0] - 1000)).empty());
  CHECK_FALSE(to_lsn(ends[0] + 100).ok());
  const auto strict = get(false);
  CHECK(code_of(strict) == ErrorCode::corrupt);
  CHECK(has(strict, "is damaged"));
  CHECK(got().empty());
  CHECK_FALSE(made.warnings.tell("is delivered"));
  REQUIRE(get(true).ok());
  CHECK(got() == padded(ends[0]));
  CHECK(made.warnings.tell("is delivered"));
}

TEST_CASE_FIXTURE(DamagedTail, "a tail without a whole part is no empty segment") {
  damage(0);
  CHECK(made.problems() == std::multiset<std::string>{"wal_damaged"});
  CHECK(window().end_lsn == kTail);
  CHECK(window().ended_by == "damaged");
  CHECK(code_of(get(false)) == ErrorCode::corrupt);
  CHECK(code_of(get(true)) == ErrorCode::corrupt);
  const auto plan = to_lsn(kStart + 500'000);
  REQUIRE_MESSAGE(plan.ok(), words(plan));
  CHECK(plan->stops_before_damage);
}

TEST_CASE_FIXTURE(DamagedTail, "log that was stored anew from the damage on is not missed") {
  damage(1);
  SUBCASE("in another object") {
    const WalName again{WalKind::piece, kSystem, 1, ends[0], ends[2]};
    REQUIRE(made.archive.put(made.ctx, again, between(ends[0], ends[2])).ok());
    CHECK(window().end_lsn == ends[2]);
    REQUIRE(get(false).ok());
    CHECK(got() == padded(ends[2]));
  }
  SUBCASE("in its segment") {
    std::uint32_t xid = 900;
    std::int64_t time = kNoon + 1000 * kMinute;
    Recovery::fill(log, xid, time);
    made.store(log, kTail, kTail + kSegment);
    CHECK(window().end_lsn == kTail + kSegment);
  }
  CHECK(made.problems(true) == std::multiset<std::string>{});
  CHECK(window().ended_by == "end of log");
}

TEST_CASE_FIXTURE(DamagedTail, "the last part cut off looks like a crash, and is told") {
  auto bytes = made.storage->get(made.ctx, key, {});
  REQUIRE(made.storage->put(made.ctx, key, ByteView(*bytes).first(static_cast<std::size_t>(stored[2]) - 5), {}).ok());
  made.warnings.lines.clear();
  CHECK(window().end_lsn == ends[1]);
  CHECK(window().ended_by == "end of log");
  CHECK(made.warnings.tell("cut off"));
  CHECK(get(false).ok());
}
