#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include <drkit/spi/conformance.hpp>
#include <drkit/storage.hpp>

#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::TempDir;

namespace {

void check_suite(const std::function<Result<StoragePtr>()>& make_fresh) {
  const auto results = run_storage_suite({}, make_fresh);
  CHECK(results.size() >= 18);
  for (const CaseResult& result : results) {
    INFO(result.name);
    CHECK_MESSAGE(!result.failure.has_value(), result.failure.value_or(""));
  }
}

// How many cases of the suite find the fault.
std::size_t failures_with(const FaultPlan& plan) {
  std::size_t failures = 0;
  for (const CaseResult& result :
       run_storage_suite({}, [&]() -> Result<StoragePtr> { return with_faults(make_memory_storage(), plan); })) {
    failures += result.failure.has_value() ? 1 : 0;
  }
  return failures;
}

}  // namespace

TEST_CASE("the memory storage conforms") {
  check_suite([]() -> Result<StoragePtr> { return make_memory_storage(); });
}

TEST_CASE("the local storage conforms") {
  std::vector<std::unique_ptr<TempDir>> dirs;
  check_suite([&] {
    dirs.clear();
    dirs.push_back(std::make_unique<TempDir>());
    return make_local_storage(dirs.back()->path());
  });
}

TEST_CASE("the decorators keep a conforming storage conforming") {
  SUBCASE("retry") {
    check_suite([]() -> Result<StoragePtr> { return with_retry(make_memory_storage()); });
  }
  SUBCASE("throttle without limits") {
    check_suite([]() -> Result<StoragePtr> { return with_throttle(make_memory_storage(), {}); });
  }
  SUBCASE("throttle") {
    constexpr std::uint64_t kFast = std::uint64_t{2} << 30;
    check_suite([]() -> Result<StoragePtr> {
      return with_throttle(make_memory_storage(),
                           {.upload_bytes_per_second = kFast, .download_bytes_per_second = kFast});
    });
  }
  SUBCASE("a concurrency limit") {
    check_suite([]() -> Result<StoragePtr> { return with_concurrency(make_memory_storage(), 2); });
  }
  SUBCASE("a cache") {
    std::vector<std::unique_ptr<TempDir>> dirs;
    check_suite([&] {
      dirs.clear();
      dirs.push_back(std::make_unique<TempDir>());
      return with_cache(make_memory_storage(), dirs.back()->path(), std::uint64_t{256} << 20);
    });
  }
  SUBCASE("a mirror, and one with a copy that always fails") {
    for (const bool failing : {false, true}) {
      check_suite([&]() -> Result<StoragePtr> {
        FaultPlan plan;
        if (failing) plan.faults.push_back({.kind = FaultKind::fail, .call = StorageCall::put, .times = 1'000'000});
        auto made = mirror({with_faults(make_memory_storage(), plan), make_memory_storage(), make_memory_storage()},
                           {.quorum = 2});
        if (!made) return std::move(made).error();
        return made->storage;
      });
    }
  }
  SUBCASE("faults, none planned") {
    check_suite([]() -> Result<StoragePtr> { return with_faults(make_memory_storage(), {}); });
  }
  SUBCASE("retry over a storage that fails or loses the answer of every third call") {
    check_suite([]() -> Result<StoragePtr> {
      FaultPlan plan;
      for (std::uint64_t n = 3; n < 5000; n += 6) {
        plan.faults.push_back({.kind = FaultKind::fail, .nth = n});
        plan.faults.push_back({.kind = FaultKind::lost_answer, .nth = n + 3});
      }
      return with_retry(with_faults(make_memory_storage(), std::move(plan)),
                        {.first_delay = std::chrono::milliseconds(0)});
    });
  }
}

TEST_CASE("the suite leaves the race out where create-if-absent is not atomic, and says why it could not start") {
  struct Unconditional final : Storage {
    StoragePtr inner = make_memory_storage();
    StorageInfo info() const override {
      StorageInfo info = inner->info();
      info.conditional_create = false;
      return info;
    }
    Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner->stat(ctx, key); }
    Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
      return inner->get(ctx, key, range);
    }
    Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
      return inner->put(ctx, key, bytes, options);
    }
    Result<void> remove(const Context& ctx, std::string_view key) override { return inner->remove(ctx, key); }
    Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
      return inner->list(ctx, prefix, visit);
    }
  };
  const auto all = run_storage_suite({}, []() -> Result<StoragePtr> { return make_memory_storage(); });
  const auto fewer =
      run_storage_suite({}, []() -> Result<StoragePtr> { return StoragePtr(std::make_shared<Unconditional>()); });
  CHECK(fewer.size() + 1 == all.size());
  const auto broken = run_storage_suite({}, []() -> Result<StoragePtr> { return Error(ErrorCode::io, "no disk"); });
  REQUIRE(broken.size() == all.size());
  CHECK(broken.front().failure == "no fresh storage: io: no disk");
}

TEST_CASE("the suite finds faults") {
  constexpr std::uint64_t kAlways = 1'000'000;
  CHECK(failures_with({}) == 0);
  CHECK(failures_with({.faults = {{.kind = FaultKind::bit_flip, .call = StorageCall::get, .times = kAlways}}}) >= 5);
  CHECK(failures_with(
            {.faults = {{.kind = FaultKind::truncate, .call = StorageCall::get, .times = kAlways, .position = 90}}}) >=
        5);
  CHECK(failures_with(
            {.faults = {{.kind = FaultKind::truncate, .call = StorageCall::list, .times = kAlways, .position = 3}}}) >=
        2);
  CHECK(failures_with({.faults = {{.kind = FaultKind::lost_answer, .call = StorageCall::remove, .times = kAlways}}}) >=
        2);
}
