#include "base/ordered_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>

#include "testing/seeded_random.hpp"

using drkit::base::OrderedPool;
using drkit::testing::SeededRandom;

TEST_CASE("results come in the order of the inputs, however long each takes") {
  for (const unsigned threads : {1U, 2U, 5U}) {
    SeededRandom random(threads);
    OrderedPool<int, int> pool(threads, 7, [](unsigned, int&& input) {
      std::this_thread::sleep_for(std::chrono::microseconds(input % 13 * 20));
      return input * 2;
    });
    int pushed = 0;
    int popped = 0;
    while (popped < 300) {
      if (pushed < 300 && !pool.full() && random.below(3) != 0) {
        pool.push(pushed++);
        continue;
      }
      if (pool.empty()) continue;
      const auto output = pool.pop(pushed == 300 || pool.full());
      if (output) REQUIRE(*output == 2 * popped++);
    }
    CHECK(pool.empty());
  }
}

TEST_CASE("the pool tells when it is full and never runs more than its threads at once") {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  OrderedPool<int, int> pool(3, 5, [&](unsigned worker, int&&) {
    const int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    --running;
    return static_cast<int>(worker);
  });
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(pool.full());
    pool.push(i);
  }
  CHECK(pool.full());
  while (!pool.empty()) {
    const auto worker = pool.pop(true);
    REQUIRE(worker.has_value());
    CHECK(*worker < 3);
  }
  CHECK(most <= 3);
}

TEST_CASE("a pool that is destroyed with jobs pending waits for what runs and drops the rest") {
  std::atomic<int> done{0};
  std::atomic<int> begun{0};
  {
    OrderedPool<int, int> pool(2, 100, [&](unsigned, int&& input) {
      ++begun;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++done;
      return input;
    });
    for (int i = 0; i < 100; ++i) pool.push(i);
    REQUIRE(pool.pop(true) == 0);
  }
  CHECK(begun == done);
  CHECK(done < 100);
}
