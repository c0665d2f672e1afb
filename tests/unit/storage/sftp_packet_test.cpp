#include <doctest/doctest.h>

#include "storage/sftp/packet.hpp"

using namespace drkit;
using namespace drkit::storage::sftp;

namespace {

// One name of a listing, as servers send it: with everything that attributes can hold.
std::string attributes_bytes() {
  Packet packet(Op::attributes);
  packet.u32(0x8000000fU).u64(123456789012U).u32(1000).u32(1000).u32(0100644).u32(1).u32(1'700'000'000);
  packet.u32(1).text("extended@example").text("value");
  return std::move(packet).finish(1).substr(kHeaderBytes);
}

}  // namespace

TEST_CASE("packets are written as the draft says") {
  const std::string bytes = std::move(Packet(Op::open).text("ab").u32(1).u64(2)).finish(7, 5);
  const std::string expected(
      "\x00\x00\x00\x1c\x03\x00\x00\x00\x07\x00\x00\x00\x02"
      "ab\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02",
      27);
  CHECK(bytes == expected);
}

TEST_CASE("attributes are read whole, and no cut answer is believed") {
  const std::string whole = attributes_bytes();
  const auto read = Reader(whole).attributes();
  REQUIRE(read.ok());
  CHECK(read->size_bytes == 123456789012U);
  CHECK(read->is_file());
  CHECK(read->modified_seconds == 1'700'000'000);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = Reader(std::string_view(whole).substr(0, size)).attributes();
    REQUIRE_FALSE(cut.ok());
    CHECK(cut.error().code() == ErrorCode::corrupt);
  }
}

TEST_CASE("a text that is longer than its answer is refused") {
  CHECK_FALSE(Reader(std::string("\xff\xff\xff\xff", 4) + "short").text().ok());
  CHECK_FALSE(status_of({Op::data, std::string(4, '\0')}).ok());
  CHECK_FALSE(status_of({Op::status, "abc"}).ok());
  const auto ended = status_of({Op::status, std::string("\0\0\0\x01", 4)});
  REQUIRE(ended.ok());
  CHECK(*ended == Status::end);
}
