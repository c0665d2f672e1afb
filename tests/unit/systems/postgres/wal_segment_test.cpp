#include <doctest/doctest.h>

#include "systems/postgres/wal_record.hpp"
#include "systems/postgres/wal_segment.hpp"
#include "testing/seeded_random.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;
using drkit::testing::WalBuilder;

namespace {

constexpr std::uint64_t kSystem = 77, kStart = 0x5000000;
constexpr std::uint32_t kSegment = 1 << 20;

std::vector<WalMark> marks_of(ByteView bytes, WalScan* scan = nullptr) {
  std::vector<WalMark> marks;
  const auto done = scan_wal(bytes, [&](const WalMark& mark) {
    marks.push_back(mark);
    return true;
  });
  REQUIRE(done.ok());
  if (scan != nullptr) *scan = *done;
  return marks;
}

}  // namespace

TEST_CASE("ends of transactions and restore points are found with their positions") {
  WalBuilder log(kSystem, 3, kStart, kSegment);
  log.add(10, 0, 700, Bytes(50));
  const auto commit = log.commit(700, 1'000'000);
  const auto commit_end = log.end();
  const auto aborted = log.abort(701, 2'000'000);
  const auto point = log.restore_point("here", 3'000'000);
  WalScan scan;
  const auto marks = marks_of(log.padded(), &scan);
  REQUIRE(marks.size() == 3);
  CHECK(marks[0].kind == WalMark::Kind::commit);
  CHECK(marks[0].start == commit);
  CHECK(marks[0].end == commit_end);
  CHECK(marks[0].xid == 700);
  CHECK(marks[0].time_ns == wall_ns_of_server(1'000'000));
  CHECK(marks[1].kind == WalMark::Kind::abort);
  CHECK(marks[1].start == aborted);
  CHECK(marks[2].kind == WalMark::Kind::restore_point);
  CHECK(marks[2].start == point);
  CHECK(marks[2].name == "here");
  CHECK(scan.end == log.end());
  CHECK(scan.last_start == point);
  CHECK(scan.records == 4);
}

TEST_CASE("records of any size and place, over pages and segments") {
  drkit::testing::SeededRandom random(7);
  WalBuilder log(kSystem, 1, kStart, kSegment);
  std::vector<std::uint64_t> starts;
  for (std::uint32_t xid = 1; xid < 400; ++xid) {
    log.add(10, 0, xid, random.bytes(random.below(xid % 50 == 0 ? 40'000 : 3000)));
    starts.push_back(log.commit(xid, xid));
    if (xid % 120 == 0) log.switch_file();
  }
  const Bytes bytes = log.padded();
  const auto marks = marks_of(bytes);
  REQUIRE(marks.size() == starts.size());
  for (std::size_t at = 0; at < starts.size(); ++at) {
    CHECK(marks[at].start == starts[at]);
    CHECK(marks[at].xid == at + 1);
  }
  // Segment by segment, all but those whose record lies over a border.
  std::size_t found = 0;
  for (std::size_t at = 0; at < bytes.size(); at += kSegment) {
    const auto facts = facts_of_segment(ByteView(bytes).subspan(at, kSegment));
    REQUIRE(facts.ok());
    found += facts->commits;
  }
  CHECK(found + bytes.size() / kSegment >= starts.size());
}

TEST_CASE("the log ends at zeros, damage, a recycled page and a cut") {
  WalBuilder log(kSystem, 1, kStart, kSegment);
  for (std::uint32_t xid = 1; xid <= 300; ++xid) log.add(10, 0, xid, Bytes(200, std::byte{1})), log.commit(xid, xid);
  const Bytes whole = log.padded();
  const auto all = marks_of(whole);
  REQUIRE(all.size() == 300);
  for (std::size_t at = 64; at < log.bytes().size(); at += 1009) {
    CAPTURE(at);
    Bytes damaged = whole;
    damaged[at] ^= std::byte{1};
    const auto marks = marks_of(damaged);
    for (std::size_t i = 0; i < marks.size(); ++i) CHECK(marks[i].start == all[i].start);
    WalScan scan;
    const auto left = marks_of(ByteView(whole).first(at), &scan);
    // Records end at multiples of eight, which may lie behind the last byte that counts.
    for (const WalMark& mark : left) CHECK(mark.end < kStart + at + 8);
    CHECK(scan.end <= kStart + at + 8);
  }
  Bytes recycled = whole;
  recycled[2 * 8192 + 9] ^= std::byte{1};
  CHECK(marks_of(recycled).size() < 300);
}

TEST_CASE("what is no file of the log is refused") {
  WalBuilder log(kSystem, 1, kStart, kSegment);
  CHECK_FALSE(parse_first_page({}).ok());
  CHECK_FALSE(parse_first_page(Bytes(8192)).ok());
  CHECK_FALSE(parse_first_page(ByteView(log.bytes()).first(39)).ok());
  for (const std::size_t at : {1U, 2U, 32U, 36U, 8U}) {
    Bytes damaged = log.padded();
    damaged[at] ^= std::byte{0xFF};
    CAPTURE(at);
    CHECK_FALSE(parse_first_page(damaged).ok());
  }
  const auto page = parse_first_page(log.bytes());
  REQUIRE(page.ok());
  CHECK(page->system_id == kSystem);
  CHECK(page->address == kStart);
  CHECK(page->segment_bytes == kSegment);
}

TEST_CASE("the log goes on behind a record that a crash left unfinished") {
  WalBuilder log(kSystem, 1, kStart, kSegment);
  log.commit(700, 1);
  const Bytes large(20'000, std::byte{7});
  log.abandon(10, 701, large);
  const std::int64_t lost = 0;
  log.add(0, 0xD0, 0, std::as_bytes(std::span(&lost, 1)));  // says which record was left
  log.commit(702, 2);
  log.add(10, 0, 703, large);
  const std::uint64_t end = log.end();
  log.commit(704, 3);
  WalScan scan;
  const auto marks = marks_of(log.padded(), &scan);
  REQUIRE(marks.size() == 3);
  CHECK(marks[1].xid == 702);
  CHECK(marks[2].xid == 704);
  CHECK(marks[2].start == end);
  CHECK(scan.records == 5);
  CHECK(scan.end == log.end());
}

TEST_CASE("a segment may begin behind a record that a crash left unfinished") {
  WalBuilder log(kSystem, 1, kStart, kSegment);
  const Bytes filling(3000, std::byte{1});
  while (log.bytes().size() + 3500 < kSegment) log.add(10, 0, 1, filling);
  log.abandon(10, 2, Bytes(20'000, std::byte{7}));
  REQUIRE(log.bytes().size() % kSegment == 40);
  log.commit(3, 5);
  const auto marks = marks_of(ByteView(log.bytes()).subspan(kSegment));
  REQUIRE(marks.size() == 1);
  CHECK(marks[0].xid == 3);
  WalScan scan;
  CHECK(marks_of(ByteView(log.bytes()).first(kSegment), &scan).empty());
  CHECK(scan.cut);
}
