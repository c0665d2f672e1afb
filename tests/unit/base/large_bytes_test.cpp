// Large buffers: what was in them stays, and there is room.
#include <doctest/doctest.h>

#include "base/large_bytes.hpp"

using namespace drkit;

TEST_CASE("room is made for few bytes and for many, and nothing is lost") {
  Bytes bytes(5000, std::byte{7});
  for (const std::size_t size :
       {std::size_t{100}, std::size_t{6000}, std::size_t{5} << 20, (std::size_t{16} << 20) + 1}) {
    base::reserve_large(bytes, size);
    CHECK(bytes.capacity() >= size);
    REQUIRE(bytes.size() == 5000);
    CHECK(bytes == Bytes(5000, std::byte{7}));
  }
  bytes.resize((std::size_t{16} << 20) + 1, std::byte{9});
  CHECK(bytes.front() == std::byte{7});
  CHECK(bytes.back() == std::byte{9});
}

TEST_CASE("a large buffer grows when it must and gives the same memory again") {
  base::LargeBuffer buffer;
  CHECK(buffer.room(0).empty());
  const auto first = buffer.room(std::size_t{5} << 20);
  REQUIRE(first.size() == std::size_t{5} << 20);
  first.front() = first.back() = std::byte{1};
  CHECK(buffer.room(100).data() == first.data());
  CHECK(buffer.room(100).size() == 100);
  CHECK(buffer.room(std::size_t{6} << 20).size() == std::size_t{6} << 20);
  CHECK(buffer.size() == std::size_t{6} << 20);
}
