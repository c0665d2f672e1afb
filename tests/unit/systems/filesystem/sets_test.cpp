#include <doctest/doctest.h>

#include "systems/filesystem/byte_ranges.hpp"
#include "systems/filesystem/path_set.hpp"

using namespace drkit::systems::filesystem;

TEST_CASE("byte ranges melt and show their gaps") {
  ByteRanges ranges;
  for (const auto& [start, end] : {std::pair{10, 20}, {30, 40}, {20, 25}, {5, 8}, {24, 31}}) {
    ranges.add(static_cast<std::uint64_t>(start), static_cast<std::uint64_t>(end));
  }
  std::string gaps;
  const auto note = [&gaps](std::uint64_t start, std::uint64_t end) {
    gaps += std::to_string(start) + "-" + std::to_string(end) + " ";
    return 0;
  };
  CHECK(ranges.each_gap(50, note) == 0);
  CHECK(gaps == "0-5 8-10 40-50 ");
  gaps.clear();
  ranges.each_gap(9, note);
  CHECK(gaps == "0-5 8-9 ");
}

TEST_CASE("a path set knows what it was told") {
  PathSet set;
  CHECK_FALSE(set.contains("a"));
  for (int i = 0; i < 20'000; ++i) REQUIRE(set.insert("path/" + std::to_string(i)));
  for (int i = 0; i < 20'000; ++i) REQUIRE(set.contains("path/" + std::to_string(i)));
  CHECK_FALSE(set.insert("path/77"));
  CHECK_FALSE(set.contains("path/20000"));
}
