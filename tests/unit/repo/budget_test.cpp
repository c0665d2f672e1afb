#include "repo/budget.hpp"

#include <doctest/doctest.h>

using drkit::repo::Budget;

TEST_CASE("whatever the memory and the processors, the parts fit the whole") {
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  for (const std::uint64_t mib : {0U, 64U, 96U, 128U, 256U, 512U, 1024U, 8192U}) {
    for (const unsigned parallel : {0U, 1U, 2U, 3U, 8U, 64U}) {
      CAPTURE(mib);
      CAPTURE(parallel);
      const Budget budget = Budget::of(mib << 20, parallel);
      const std::size_t memory = std::max<std::size_t>(mib, 64) * kMiB;
      CHECK(budget.threads >= 1);
      if (parallel != 0) CHECK(budget.threads <= parallel);
      CHECK(budget.frames_in_flight > budget.threads);
      CHECK(budget.pack_bytes >= 4 * kMiB);
      CHECK(budget.pack_bytes <= 32 * kMiB);
      CHECK(budget.frame_bytes <= budget.pack_bytes);
      CHECK(budget.spool_bytes <= memory / 8);
    }
  }
}

TEST_CASE("as many threads as asked for when the memory allows it") {
  CHECK(Budget::of(1ULL << 30, 8).threads == 8);
  CHECK(Budget::of(64ULL << 20, 64).threads < 8);
}
