// Cases about several threads at once.
#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "conformance/storage_cases.hpp"

namespace drkit::conformance {
Failure in_threads(const std::function<Failure(unsigned)>& work) {
  std::mutex mutex;
  Failure first;
  std::atomic<unsigned> waiting{kThreads};
  const auto body = [&](unsigned number) {
    --waiting;
    while (waiting != 0) std::this_thread::yield();
    Failure failure = work(number);
    const std::lock_guard lock(mutex);
    if (failure && !first) first = std::move(failure);
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
  return first;
}

namespace {

Bytes uniform(unsigned number) { return Bytes(20'000 + number, static_cast<std::byte>(number)); }

// Every object of these cases repeats one byte that also gives its length: a mixture of two puts would show.
Failure expect_whole(const Bytes& bytes) {
  if (bytes.empty()) return "an object that was never put was read";
  const bool whole = bytes == uniform(std::to_integer<unsigned>(bytes.front()));
  return expect(whole, "a read gave a mixture of two puts, or a part of one");
}

Failure absent_race(const Context& ctx, Storage& storage) {
  for (int round = 0; round < 10; ++round) {
    const std::string key = "race/" + std::to_string(round);
    std::atomic<unsigned> winners{0};
    std::atomic<unsigned> winner{kThreads};
    DRKIT_EXPECT(in_threads([&](unsigned number) -> Failure {
      const auto put = storage.put(ctx, key, uniform(number), {.if_absent = true});
      if (!put) return expect_error(put, ErrorCode::already_exists, key, "put of a loser");
      ++winners;
      winner = number;
      return std::nullopt;
    }));
    DRKIT_EXPECT(expect(winners == 1, std::to_string(winners) + " threads created one key with if_absent"));
    DRKIT_EXPECT(expect_object(ctx, storage, key, uniform(winner)));
  }
  return std::nullopt;
}

Failure own_objects(const Context& ctx, Storage& storage) {
  return in_threads([&](unsigned number) -> Failure {
    for (int i = 0; i < 20; ++i) {
      const std::string key = "own/" + std::to_string(i) + "/" + std::to_string(number);
      const Bytes bytes = pattern(1000, number * 100 + static_cast<unsigned>(i));
      DRKIT_EXPECT(expect_ok(storage.put(ctx, key, bytes, {}), "put of " + key));
      DRKIT_EXPECT(expect_object(ctx, storage, key, bytes));
      if (i % 2 == 0) continue;
      DRKIT_EXPECT(expect_ok(storage.remove(ctx, key), "remove of " + key));
      DRKIT_EXPECT(expect_error(storage.stat(ctx, key), ErrorCode::not_found, key, "stat of a removed key"));
    }
    return std::nullopt;
  });
}

Failure readers_and_writers(const Context& ctx, Storage& storage) {
  constexpr std::string_view kKey = "shared/object";
  DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, uniform(1), {}), "put"));
  return in_threads([&](unsigned number) -> Failure {
    for (int i = 0; i < 20; ++i) {
      if (number % 2 == 0) {
        DRKIT_EXPECT(expect_ok(storage.put(ctx, kKey, uniform(number + 1), {}), "put over an object being read"));
      } else {
        const auto got = storage.get(ctx, kKey, {});
        DRKIT_EXPECT(expect_ok(got, "get of an object being replaced"));
        DRKIT_EXPECT(expect_whole(*got));
      }
    }
    return std::nullopt;
  });
}

Failure listing_while_writing(const Context& ctx, Storage& storage) {
  DRKIT_EXPECT(expect_ok(storage.put(ctx, "steady/object", as_bytes("x"), {}), "put"));
  return in_threads([&](unsigned number) -> Failure {
    for (int i = 0; i < 10; ++i) {
      const std::string key = "moving/" + std::to_string(number) + "/" + std::to_string(i);
      DRKIT_EXPECT(expect_ok(storage.put(ctx, key, uniform(number), {}), "put of " + key));
      bool steady = false;
      bool whole = true;
      const auto listed = storage.list(ctx, "", [&](const ObjectInfo& object) {
        steady = steady || object.key == "steady/object";
        whole = whole && (object.key == "steady/object" || object.size_bytes >= 20'000);
        return true;
      });
      DRKIT_EXPECT(expect_ok(listed, "list while others write"));
      DRKIT_EXPECT(expect(steady, "a listing lost an object that nobody touched"));
      DRKIT_EXPECT(expect(whole, "a listing shows an unfinished put"));
      DRKIT_EXPECT(expect_ok(storage.remove(ctx, key), "remove of " + key));
    }
    return std::nullopt;
  });
}

constexpr std::array<StorageCase, 4> kCases = {{
    {"of 8 threads that create one key exactly one wins", absent_race, true},
    {"concurrent puts, gets and removes do not disturb each other", own_objects},
    {"a reader sees the old or the new object, never a mixture", readers_and_writers},
    {"a listing is whole while others write", listing_while_writing},
}};

}  // namespace

std::span<const StorageCase> concurrency_cases() { return kCases; }

}  // namespace drkit::conformance
