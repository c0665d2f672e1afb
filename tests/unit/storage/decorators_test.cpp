#include <doctest/doctest.h>

#include <drkit/storage.hpp>
#include <memory>
#include <string>

#include "testing/fake_clock.hpp"

using namespace drkit;
using drkit::testing::FakeClock;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

template <class T>
ErrorCode code_of(const Result<T>& result) {
  return result.ok() ? ErrorCode::ok : result.error().code();
}

std::string text_of(Storage& storage, std::string_view key) {
  const auto got = storage.get({}, key, {});
  return got.ok() ? std::string(as_text(*got)) : got.error().to_string();
}

}  // namespace

TEST_CASE("a read-only storage reads and never changes") {
  const auto memory = make_memory_storage();
  REQUIRE(memory->put({}, "k", as_bytes("x"), {}).ok());
  const auto storage = read_only(memory);
  CHECK_FALSE(storage->info().writable);
  CHECK(text_of(*storage, "k") == "x");
  CHECK(code_of(storage->put({}, "k", as_bytes("y"), {})) == ErrorCode::permission_denied);
  CHECK(code_of(storage->put({}, "new", as_bytes("y"), {.if_absent = true})) == ErrorCode::permission_denied);
  CHECK(code_of(storage->remove({}, "k")) == ErrorCode::permission_denied);
  CHECK(text_of(*memory, "k") == "x");
  CHECK(code_of(memory->stat({}, "new")) == ErrorCode::not_found);
}

TEST_CASE("a throttle keeps the average rate, up and down apart") {
  FakeClock clock;
  Context ctx;
  ctx.clock = &clock;
  const auto storage = with_throttle(make_memory_storage(), {.upload_bytes_per_second = 1000});
  const std::string second(1000, 'x');
  for (int i = 0; i < 5; ++i) REQUIRE(storage->put(ctx, "k", as_bytes(second), {}).ok());
  CHECK(clock.passed() == seconds(4));
  REQUIRE(storage->get(ctx, "k", {}).ok());
  CHECK(clock.passed() == seconds(4));

  const auto reader = with_throttle(make_memory_storage(), {.download_bytes_per_second = 500});
  REQUIRE(reader->put(ctx, "k", as_bytes(second), {}).ok());
  for (int i = 0; i < 3; ++i) REQUIRE(reader->get(ctx, "k", {0, 500}).ok());
  CHECK(clock.passed() == seconds(6));
}

TEST_CASE("a cancelled wait puts nothing and pays nothing") {
  FakeClock clock;
  Context ctx;
  ctx.clock = &clock;
  struct CancelledClock final : Clock {
    FakeClock& base;
    explicit CancelledClock(FakeClock& clock) : base(clock) {}
    std::int64_t wall_ns() const override { return base.wall_ns(); }
    std::chrono::steady_clock::time_point steady() const override { return base.steady(); }
    Result<void> sleep_for(std::chrono::nanoseconds, const CancelToken&) override {
      return Error(ErrorCode::cancelled, "cancelled by the caller");
    }
  } cancelled(clock);
  Context stopped;
  stopped.clock = &cancelled;
  const auto storage = with_throttle(make_memory_storage(), {.upload_bytes_per_second = 10});
  REQUIRE(storage->put(ctx, "a", as_bytes("0123456789"), {}).ok());
  CHECK(code_of(storage->put(stopped, "b", as_bytes("0123456789"), {})) == ErrorCode::cancelled);
  CHECK(code_of(storage->stat(ctx, "b")) == ErrorCode::not_found);
  REQUIRE(storage->put(ctx, "c", as_bytes("0123456789"), {}).ok());
  CHECK(clock.passed() == seconds(1));
}

TEST_CASE("faults strike the calls that the plan names") {
  const auto memory = make_memory_storage();
  const auto counts = std::make_shared<CallCounts>();
  const auto storage = with_faults(
      memory,
      {.faults = {{.kind = FaultKind::fail, .call = StorageCall::put, .nth = 2, .times = 2, .key_prefix = "data/"},
                  {.kind = FaultKind::lost_answer, .call = StorageCall::remove},
                  {.kind = FaultKind::truncate, .call = StorageCall::get, .position = 2},
                  {.kind = FaultKind::bit_flip, .call = StorageCall::get, .nth = 2, .position = 8}}},
      counts);
  CHECK(storage->put({}, "data/1", as_bytes("aaaa"), {}).ok());
  CHECK(storage->put({}, "index/1", as_bytes("b"), {}).ok());
  CHECK(code_of(storage->put({}, "data/2", as_bytes("c"), {})) == ErrorCode::unavailable);
  CHECK(code_of(storage->put({}, "data/2", as_bytes("c"), {})) == ErrorCode::unavailable);
  CHECK(code_of(memory->stat({}, "data/2")) == ErrorCode::not_found);
  CHECK(storage->put({}, "data/2", as_bytes("c"), {}).ok());
  CHECK(text_of(*storage, "data/1") == "aa");
  CHECK(text_of(*storage, "data/1") == "a`aa");
  CHECK(text_of(*storage, "data/1") == "aaaa");
  CHECK(code_of(storage->remove({}, "index/1")) == ErrorCode::unavailable);
  CHECK(code_of(memory->stat({}, "index/1")) == ErrorCode::not_found);
  CHECK(counts->put == 5);
  CHECK(counts->get == 3);
  CHECK(counts->calls() == 9);
  CHECK(counts->bytes_put == 6);
}

TEST_CASE("after a crash nothing works any more") {
  for (const FaultKind kind : {FaultKind::crash_before, FaultKind::crash_after}) {
    const auto memory = make_memory_storage();
    const auto storage = with_faults(memory, {.faults = {{.kind = kind, .nth = 2}}});
    CHECK(storage->put({}, "a", as_bytes("x"), {}).ok());
    CHECK_FALSE(storage->put({}, "b", as_bytes("x"), {}).ok());
    CHECK_FALSE(storage->get({}, "a", {}).ok());
    CHECK_FALSE(storage->list({}, "", [](const ObjectInfo&) { return true; }).ok());
    CHECK(memory->stat({}, "b").ok() == (kind == FaultKind::crash_after));
  }
}

TEST_CASE("space ends and comes back when objects are removed") {
  const auto storage = with_faults(make_memory_storage(), {.space_bytes = 10});
  CHECK(storage->put({}, "a", as_bytes("1234567"), {}).ok());
  CHECK(code_of(storage->put({}, "b", as_bytes("1234"), {})) == ErrorCode::no_space);
  CHECK(storage->remove({}, "a").ok());
  CHECK(storage->put({}, "b", as_bytes("1234"), {}).ok());
}

TEST_CASE("a delay passes on the context's clock") {
  FakeClock clock;
  Context ctx;
  ctx.clock = &clock;
  const auto storage =
      with_faults(make_memory_storage(), {.faults = {{.kind = FaultKind::delay, .duration = milliseconds(70)}}});
  CHECK(storage->put(ctx, "a", as_bytes("x"), {}).ok());
  CHECK(clock.passed() == milliseconds(70));
}
