#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include <drkit/storage.hpp>

using namespace drkit;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("no more calls than allowed are under way, and a cancelled one stops waiting") {
  FaultPlan slow;
  slow.faults.push_back({.kind = FaultKind::delay, .times = 1000, .duration = milliseconds(60)});
  const auto storage = with_concurrency(with_faults(make_memory_storage(), slow), 2);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  std::atomic<int> done{0};
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] { done += storage->put({}, std::to_string(i), as_bytes("x"), {}).ok(); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == 6);
  CHECK(std::chrono::steady_clock::now() - begin >= milliseconds(175));
}

TEST_CASE("a waiting call ends when its context is cancelled") {
  FaultPlan slow;
  slow.faults.push_back({.kind = FaultKind::delay, .times = 1000, .duration = milliseconds(600)});
  const auto storage = with_concurrency(with_faults(make_memory_storage(), slow), 1);
  std::thread busy([&] { CHECK(storage->put({}, "busy", as_bytes("x"), {}).ok()); });
  std::this_thread::sleep_for(milliseconds(100));
  Context ctx;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(50));
    ctx.cancel.cancel();
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto stat = storage->stat(ctx, "busy");
  CHECK(std::chrono::steady_clock::now() - begin < seconds(20));
  REQUIRE_FALSE(stat.ok());
  CHECK(stat.error().code() == ErrorCode::cancelled);
  canceller.join();
  busy.join();
}
