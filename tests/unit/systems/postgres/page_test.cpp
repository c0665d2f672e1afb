#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "systems/postgres/page.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

Bytes page_with(std::uint32_t block, std::uint64_t lsn, std::uint32_t seed) {
  Bytes page(kPageBytes);
  std::mt19937 random(seed);
  for (std::byte& byte : page) byte = static_cast<std::byte>(random());
  const std::uint32_t high = static_cast<std::uint32_t>(lsn >> 32), low = static_cast<std::uint32_t>(lsn);
  std::memcpy(page.data(), &high, 4);
  std::memcpy(page.data() + 4, &low, 4);
  const std::uint16_t upper = 8000;
  std::memcpy(page.data() + 14, &upper, 2);
  const std::uint16_t checksum = page_checksum(page.data(), block);
  std::memcpy(page.data() + 8, &checksum, 2);
  return page;
}

void append(Bytes& file, const Bytes& page) { file.insert(file.end(), page.begin(), page.end()); }

}  // namespace

TEST_CASE("good and new pages pass in pieces of any size, in any segment") {
  constexpr std::uint32_t kSegmentNumber = 3;
  Bytes file;
  append(file, page_with(kSegmentNumber * kPagesPerSegment, 5, 1));
  append(file, Bytes(kPageBytes));
  append(file, page_with(kSegmentNumber * kPagesPerSegment + 2, 5, 2));
  for (const std::size_t step : {1000U, 8192U, 10000U, 100000U}) {
    PageVerifier verifier(kSegmentNumber);
    for (std::size_t at = 0; at < file.size(); at += step) {
      verifier.update(ByteView(file).subspan(at, std::min(step, file.size() - at)));
    }
    CHECK(verifier.bad_pages() == 0);
    CHECK(verifier.trailing_bytes() == 0);
  }
}

TEST_CASE("every single flipped bit and every moved page is found") {
  const Bytes good = page_with(7, 5, 3);
  for (std::size_t bit = 0; bit < kPageBytes * 8; bit += 61) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    CHECK(page_checksum(bad.data(), 7) != *reinterpret_cast<const std::uint16_t*>(bad.data() + 8));
  }
  CHECK(page_checksum(good.data(), 7) != page_checksum(good.data(), 8));
  PageVerifier verifier(0);
  verifier.update(good);
  REQUIRE(verifier.bad().size() == 1);
  CHECK(verifier.bad()[0].block == 0);
}

TEST_CASE("a page that pretends to be new but is not empty is bad; a cut file is seen") {
  Bytes page(kPageBytes);
  page[5000] = std::byte{1};
  PageVerifier verifier(0);
  verifier.update(page);
  verifier.update(ByteView(page).first(100));
  CHECK(verifier.bad_pages() == 1);
  CHECK(verifier.trailing_bytes() == 100);
}

TEST_CASE("pages written during the backup may be torn") {
  const Bytes page = page_with(1, 1000, 4);
  PageVerifier forgiving(0, 900), strict(0, 1001);
  forgiving.update(page);
  strict.update(page);
  CHECK(forgiving.torn_pages() == 1);
  CHECK(forgiving.bad_pages() == 0);
  CHECK(strict.bad_pages() == 1);
}

TEST_CASE("only files of relations carry checksums") {
  CHECK(relation_segment("base/5/16384") == 0);
  CHECK(relation_segment("base/5/16384.12") == 12);
  CHECK(relation_segment("global/1262_fsm") == 0);
  CHECK(relation_segment("pg_tblspc/16400/PG_15_202209061/5/16401_vm.1") == 1);
  for (const char* other : {"base/5/PG_VERSION", "base/5/pg_filenode.map", "global/pg_control",
                            "pg_wal/000000010000000000000001", "base/5/16384.x", "base/5/16384_xyz", "base/16384",
                            "PG_VERSION", "base/5/t3_16384", "base/5/16384.99999999999"}) {
    CHECK_FALSE(relation_segment(other).has_value());
  }
}
