// What a spool acknowledged reaches the repository, and what a crash made of its last bytes does not.
#include <doctest/doctest.h>

#include <fstream>

#include <drkit/storage.hpp>

#include "systems/postgres/wal_pieces.hpp"
#include "systems/postgres/wal_receive_spool.hpp"
#include "systems/postgres/wal_segment.hpp"
#include "testing/temp_dir.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;
using drkit::testing::WalBuilder;

namespace {

constexpr std::uint64_t kSystem = 77;
constexpr std::uint32_t kSegment = 1 << 20;
constexpr Lsn kStart = 0x5000000;

Repository make() {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto made = Repository::create({}, make_memory_storage(), std::move(options));
  REQUIRE_MESSAGE(made.ok(), made.error().to_string());
  return std::move(*made);
}

struct Fixture {
  testing::TempDir dir;
  std::string folder = dir.path() + "/spool";
  WalArchive archive{make()};
  WalBuilder log{kSystem, 1, kStart, kSegment};

  void add_rows(std::size_t until) {
    const Bytes row(3000, std::byte{5});
    while (log.bytes().size() < until) log.add(10, 0, 1, row);
  }
  ReceiveSpool spool() const { return {folder, kSystem, 1, kSegment, kStart}; }
  std::string file(Lsn start) const {
    return folder + "/77-1-" + std::to_string(start) + "-" + std::to_string(kSegment) + ".received";
  }
  // As a file system leaves it that kept the length alone.
  void lengthen(Lsn start, std::size_t count) const {
    std::ofstream out(file(start), std::ios::binary | std::ios::app);
    out << std::string(count, '\0');
    REQUIRE(out.flush().good());
  }
  Lsn end_in(Lsn start) const {
    const auto segment = read_segment({}, archive, {WalKind::segment, kSystem, 1, start, start + kSegment});
    REQUIRE_MESSAGE(segment.ok(), segment.error().to_string());
    return segment->end;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "only what is synced counts as durable") {
  add_rows(100'000);
  auto spool = this->spool();
  REQUIRE(spool.append(kStart, ByteView(log.bytes()).first(60'000)).ok());
  CHECK(spool.end() == kStart);
  CHECK_FALSE(spool.is_synced());
  REQUIRE(spool.sync().ok());
  CHECK(spool.end() == kStart + 60'000);
  CHECK(spool.is_synced());
  CHECK(spool.append(kStart + 70'000, ByteView(log.bytes()).subspan(70'000)).error().code() == ErrorCode::corrupt);
}

TEST_CASE_FIXTURE(Fixture, "a stream that never pauses is synced on the way") {
  add_rows(3 * kSegment);
  auto spool = this->spool();
  REQUIRE(spool.append(kStart, log.bytes()).ok());
  CHECK(spool.end() + kSegment > kStart + log.bytes().size());
  CHECK(spool.end() >= kStart + 3 * kSegment);
}

TEST_CASE_FIXTURE(Fixture, "what is left over is stored, but not the zeros behind it") {
  add_rows(kSegment + 50'000);
  const Lsn acknowledged = log.end();
  auto spool = this->spool();
  REQUIRE(spool.append(kStart, log.bytes()).ok());
  REQUIRE(spool.sync().ok());
  lengthen(kStart + kSegment, 5'000);
  const auto stored = store_left_over({}, archive, folder);
  REQUIRE_MESSAGE(stored.ok(), stored.error().to_string());
  CHECK(*stored == 2);
  CHECK(end_in(kStart) == kStart + kSegment);
  CHECK(end_in(kStart + kSegment) == acknowledged);
  CHECK(*store_left_over({}, archive, folder) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a last file of full length that a crash filled with zeros is no segment") {
  add_rows(300'000);
  const Lsn acknowledged = log.end();
  auto spool = this->spool();
  REQUIRE(spool.append(kStart, log.bytes()).ok());
  REQUIRE(spool.sync().ok());
  lengthen(kStart, kSegment - log.bytes().size());
  REQUIRE(store_left_over({}, archive, folder).ok());
  CHECK(end_in(kStart) == acknowledged);
  CHECK(archive.get({}, {WalKind::segment, kSystem, 1, kStart, kStart + kSegment}).error().code() ==
        ErrorCode::not_found);
}

TEST_CASE_FIXTURE(Fixture, "a segment whose last record came in part is not stored as whole") {
  add_rows(kSegment + 100'000);
  const auto scan = scan_wal(ByteView(log.bytes()).first(kSegment), [](const WalMark&) { return true; });
  REQUIRE(scan.ok());
  REQUIRE(scan->cut);
  const std::size_t begins = scan->end - kStart;
  REQUIRE(begins + 100 < kSegment);
  {
    auto spool = this->spool();
    REQUIRE(spool.append(kStart, ByteView(log.bytes()).first(begins + 60)).ok());
    REQUIRE(spool.sync().ok());
  }
  REQUIRE(store_left_over({}, archive, folder).ok());
  CHECK(end_in(kStart) == kStart + begins);
}

TEST_CASE_FIXTURE(Fixture, "a file that ends with a switch is whole, and one that holds nothing is nothing") {
  add_rows(50'000);
  log.switch_file();
  auto spool = this->spool();
  REQUIRE(spool.append(kStart, log.bytes()).ok());
  REQUIRE(spool.sync().ok());
  REQUIRE(store_left_over({}, archive, folder).ok());
  CHECK(archive.get({}, {WalKind::segment, kSystem, 1, kStart, kStart + kSegment}).ok());
  lengthen(kStart + kSegment, 30'000);
  CHECK(*store_left_over({}, archive, folder) == 1);
  CHECK(archive.list({}, kSystem)->size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a full file that is all one record's middle is kept") {
  WalBuilder whole(kSystem, 1, kStart, kSegment);
  whole.add(10, 0, 1, Bytes(3 * kSegment, std::byte{5}));
  const ByteView middle = ByteView(whole.bytes()).subspan(kSegment, kSegment);
  ReceiveSpool spool(folder, kSystem, 1, kSegment, kStart + kSegment);
  REQUIRE(spool.append(kStart + kSegment, middle).ok());
  REQUIRE(spool.sync().ok());
  REQUIRE(store_left_over({}, archive, folder).ok());
  CHECK(end_in(kStart + kSegment) == kStart + 2 * kSegment);
}

TEST_CASE_FIXTURE(Fixture, "a folder of the spool belongs to one receiver of one repository") {
  const std::string id = archive.repository().id();
  auto own = SpoolFolder::open(folder, id, "");
  REQUIRE_MESSAGE(own.ok(), own.error().to_string());
  CHECK(SpoolFolder::open(folder, id, "").error().code() == ErrorCode::precondition_failed);
  const auto other = SpoolFolder::open(folder, "another", "");
  REQUIRE(other.ok());
  CHECK(other->path() != own->path());
  const auto slot = SpoolFolder::open(folder, id, "slot");
  REQUIRE(slot.ok());
  // Files of a receiver that lives stay untouched, whoever looks.
  add_rows(50'000);
  const auto write = [&](const std::string& place) {
    ReceiveSpool spool(place, kSystem, 1, kSegment, kStart);
    REQUIRE(spool.append(kStart, log.bytes()).ok());
    REQUIRE(spool.sync().ok());
  };
  write(other->path());
  write(slot->path());
  CHECK(*store_abandoned({}, archive, *own) == 0);
  CHECK(archive.list({}, kSystem)->empty());
}

TEST_CASE_FIXTURE(Fixture, "what was left under another slot and by an earlier release is found") {
  const std::string id = archive.repository().id();
  add_rows(2 * kSegment);
  const auto write = [&](const std::string& place, std::uint64_t system_id, std::size_t from) {
    ReceiveSpool spool(place, system_id, 1, kSegment, kStart + from);
    REQUIRE(spool.append(kStart + from, ByteView(log.bytes()).subspan(from, kSegment)).ok());
    REQUIRE(spool.sync().ok());
  };
  {
    const auto before = SpoolFolder::open(folder, id, "before");
    REQUIRE(before.ok());
    write(before->path(), kSystem, 0);
  }
  const auto own = SpoolFolder::open(folder, id, "now");
  REQUIRE(own.ok());
  CHECK(*store_abandoned({}, archive, *own) == 1);
  write(folder, kSystem, kSegment);
  write(folder, kSystem + 1, kSegment);
  CHECK(*store_abandoned({}, archive, *own) == 1);
  CHECK(archive.list({}, kSystem)->size() == 2);
  CHECK(archive.list({}, kSystem + 1)->empty());
}
