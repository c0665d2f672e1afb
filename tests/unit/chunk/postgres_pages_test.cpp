#include <doctest/doctest.h>

#include <string>

#include "chunk/chunker.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using drkit::chunk::looks_like_postgres_pages;
using drkit::testing::SeededRandom;

namespace {

void put(Bytes& bytes, std::size_t offset, std::size_t size, std::uint64_t value) {
  for (std::size_t i = 0; i < size; ++i) bytes[offset + i] = static_cast<std::byte>(value >> (8 * i));
}

// A heap page: header, line pointers up to lower, tuples from upper on.
void put_page(Bytes& bytes, std::size_t at, std::uint64_t lower = 60, std::uint64_t upper = 7000,
              std::uint64_t special = 8192) {
  put(bytes, at, 8, 0x16b3740);
  put(bytes, at + 12, 2, lower);
  put(bytes, at + 14, 2, upper);
  put(bytes, at + 16, 2, special);
  put(bytes, at + 18, 2, 0x2004);
}

Bytes wal_start(std::uint64_t magic, std::uint64_t segment_bytes) {
  Bytes head(8192);
  put(head, 0, 2, magic);
  put(head, 2, 2, 2);
  put(head, 4, 4, 1);
  put(head, 32, 4, segment_bytes);
  put(head, 36, 4, 8192);
  return head;
}

}  // namespace

TEST_CASE("relation files are known by their first page that is not zero") {
  Bytes head(3 * 8192);
  CHECK_FALSE(looks_like_postgres_pages(head, head.size()));
  put_page(head, 8192);
  CHECK(looks_like_postgres_pages(head, head.size()));
  put_page(head, 0, 24, 8176, 8176);  // an index page with a special area
  CHECK(looks_like_postgres_pages(head, head.size()));
  CHECK(looks_like_postgres_pages(head, std::uint64_t{1} << 30));
  CHECK_FALSE(looks_like_postgres_pages(head, head.size() + 1));
  CHECK_FALSE(looks_like_postgres_pages(head, 0));
  CHECK(looks_like_postgres_pages(ByteView(head).first(100), head.size()));
  CHECK_FALSE(looks_like_postgres_pages(ByteView(head).first(20), head.size()));
}

TEST_CASE("pages whose offsets are out of order are no pages") {
  struct Offsets {
    std::uint64_t lower, upper, special;
  };
  for (const auto& [lower, upper, special] :
       {Offsets{20, 7000, 8192}, {7001, 7000, 8192}, {60, 8190, 8184}, {60, 7000, 8200}, {60, 7000, 8188}}) {
    Bytes head(8192);
    put_page(head, 0, lower, upper, special);
    CHECK_FALSE(looks_like_postgres_pages(head, 8192));
  }
  Bytes head(8192);
  put_page(head, 0);
  put(head, 10, 2, 8);  // an unknown flag
  CHECK_FALSE(looks_like_postgres_pages(head, 8192));
  put(head, 10, 2, 7);
  put(head, 18, 2, 0x2003);
  CHECK_FALSE(looks_like_postgres_pages(head, 8192));
}

TEST_CASE("WAL segments of 13 to 18 are known") {
  constexpr std::uint64_t kSegment = 16 << 20;
  for (const std::uint64_t magic : {0xD106U, 0xD10DU, 0xD110U, 0xD113U, 0xD116U, 0xD118U}) {
    CHECK(looks_like_postgres_pages(wal_start(magic, kSegment), kSegment));
  }
  CHECK_FALSE(looks_like_postgres_pages(wal_start(0xD0FF, kSegment), kSegment));
  CHECK_FALSE(looks_like_postgres_pages(wal_start(0xD118, kSegment), kSegment / 2));
}

TEST_CASE("random bytes and text are no pages") {
  SeededRandom random(1);
  int taken = 0;
  for (int round = 0; round < 2000; ++round) taken += looks_like_postgres_pages(random.bytes(64), 8192) ? 1 : 0;
  CHECK(taken == 0);
  const std::string text(8192, 'a');
  CHECK_FALSE(looks_like_postgres_pages(as_bytes(text), 8192));
}
