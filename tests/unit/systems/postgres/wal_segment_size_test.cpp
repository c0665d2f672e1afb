// How long the files of a log are when none of them is whole yet.
#include <doctest/doctest.h>

#include "systems/postgres/wal_cluster.hpp"
#include "systems/postgres/wal_map.hpp"
#include "systems/postgres/wal_segment_size.hpp"
#include "testing/memory_repository.hpp"
#include "testing/temp_dir.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;
using drkit::testing::WalBuilder;
using drkit::testing::words;

namespace {

constexpr std::uint64_t kSystem = 77;
constexpr std::uint64_t kMiB = 1 << 20;

struct Fixture {
  WalArchive archive{testing::new_repository({})};

  static Bytes log_of(Lsn start, std::uint64_t segment_bytes, std::size_t bytes) {
    WalBuilder log(kSystem, 1, start, static_cast<std::uint32_t>(segment_bytes));
    const Bytes row(3000, std::byte{5});
    while (log.bytes().size() < bytes) log.add(10, 0, 1, row);
    return log.bytes();
  }
  void put_piece(Lsn start, ByteView bytes) const {
    const auto put = archive.put({}, {WalKind::piece, kSystem, 1, start, start + bytes.size()}, bytes);
    REQUIRE_MESSAGE(put.ok(), words(put));
  }
  std::uint64_t map_says() const {
    const auto maps = WalMap::load({}, archive);
    REQUIRE_MESSAGE(maps.ok(), words(maps));
    REQUIRE(maps->size() == 1);
    return maps->at(kSystem).segment_bytes();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the first page of what grows tells it") {
  for (const std::uint64_t size : {1 * kMiB, 16 * kMiB, 64 * kMiB}) {
    const Fixture fixture;
    const Bytes log = log_of(3 * 64 * kMiB, size, 100'000);
    fixture.put_piece(3 * 64 * kMiB, ByteView(log).first(50'000));
    fixture.put_piece(3 * 64 * kMiB + 50'000, ByteView(log).subspan(50'000));
    CHECK(fixture.map_says() == size);
    const testing::TempDir dir;
    const auto cluster = cluster_for({}, fixture.archive, dir.path() + "/file", std::nullopt);
    REQUIRE_MESSAGE(cluster.ok(), words(cluster));
    CHECK(cluster->segment_bytes == size);
    CHECK(cluster->system_id == kSystem);
  }
}

TEST_CASE_FIXTURE(Fixture, "a piece within a segment that begins at a round place is no beginning") {
  const std::uint64_t size = 64 * kMiB;
  const Bytes log = log_of(2 * size, size, 3 * kMiB);
  // The first one is lost.
  put_piece(2 * size + kMiB, ByteView(log).subspan(kMiB, 8192));
  CHECK(map_says() == 16 * kMiB);
  put_piece(3 * size, log_of(3 * size, size, 10'000));
  CHECK(map_says() == size);
}

TEST_CASE_FIXTURE(Fixture, "a page of another cluster or place is not believed") {
  put_piece(5 * kMiB, log_of(6 * kMiB, kMiB, 10'000));
  CHECK(map_says() == 16 * kMiB);
}

TEST_CASE_FIXTURE(Fixture, "a whole file tells it by its name, and of the default nothing is asked") {
  const auto put = archive.put({}, {WalKind::segment, kSystem, 1, 4 * kMiB, 5 * kMiB}, Bytes(kMiB));
  REQUIRE_MESSAGE(put.ok(), words(put));
  CHECK(map_says() == kMiB);
  CHECK(*segment_size_of({}, archive, kSystem, {}) == 16 * kMiB);
}
