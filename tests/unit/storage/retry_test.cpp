#include <doctest/doctest.h>

#include <drkit/storage.hpp>
#include <memory>
#include <string>
#include <vector>

#include "testing/fake_clock.hpp"

using namespace drkit;
using drkit::testing::FakeClock;
using std::chrono::milliseconds;

namespace {

struct Bench {
  FakeClock clock;
  Context ctx;
  StoragePtr memory = make_memory_storage();
  std::shared_ptr<CallCounts> counts = std::make_shared<CallCounts>();
  StoragePtr storage;

  explicit Bench(FaultPlan plan, RetryOptions options = {}) {
    ctx.clock = &clock;
    storage = with_retry(with_faults(memory, std::move(plan), counts), options);
  }
};

class Warnings final : public LogSink {
 public:
  void log(LogLevel level, std::string_view message) noexcept override {
    if (level == LogLevel::warning) lines.emplace_back(message);
  }
  std::vector<std::string> lines;
};

std::string context_of(const Error& error, std::string_view key) {
  for (const auto& [name, value] : error.context()) {
    if (name == key) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("retryable failures are repeated until they pass") {
  Bench bench({.faults = {{.kind = FaultKind::fail, .times = 3}}});
  CHECK(bench.storage->put(bench.ctx, "k", as_bytes("x"), {}).ok());
  CHECK(bench.counts->put == 4);
  CHECK(bench.clock.sleeps().size() == 3);
}

TEST_CASE("other failures are answered at once") {
  Bench bench({.faults = {{.kind = FaultKind::fail, .code = ErrorCode::permission_denied, .retry = Retry::no}}});
  const auto refused = bench.storage->get(bench.ctx, "k", {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::permission_denied);
  CHECK(bench.counts->get == 1);
  CHECK(bench.clock.sleeps().empty());
}

TEST_CASE("attempts end, with the last error and their number") {
  Bench bench({.faults = {{.kind = FaultKind::fail, .times = 100, .code = ErrorCode::rate_limited}}},
              {.max_attempts = 3});
  const auto refused = bench.storage->stat(bench.ctx, "k");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::rate_limited);
  CHECK(context_of(refused.error(), "attempts") == "3");
  CHECK(context_of(refused.error(), "key") == "k");
  CHECK(bench.counts->stat == 3);
}

TEST_CASE("waits stay below a bound that doubles up to its limit") {
  Bench bench({.faults = {{.kind = FaultKind::fail, .times = 100}}}, {.max_attempts = 30,
                                                                      .first_delay = milliseconds(100),
                                                                      .max_delay = milliseconds(800),
                                                                      .deadline = milliseconds(1'000'000)});
  CHECK_FALSE(bench.storage->remove(bench.ctx, "k").ok());
  const auto sleeps = bench.clock.sleeps();
  REQUIRE(sleeps.size() == 29);
  bool differ = false;
  milliseconds bound(100);
  for (const auto sleep : sleeps) {
    CHECK(sleep <= bound);
    differ = differ || sleep != sleeps.front();
    bound = std::min(bound * 2, milliseconds(800));
  }
  CHECK(differ);
  CHECK(bench.clock.passed() > milliseconds(800));
}

TEST_CASE("no attempt starts after the deadline") {
  Bench bench({.faults = {{.kind = FaultKind::fail, .times = 100'000}}},
              {.max_attempts = 100'000, .deadline = milliseconds(10'000)});
  CHECK_FALSE(bench.storage->get(bench.ctx, "k", {}).ok());
  CHECK(bench.clock.passed() < milliseconds(10'000));
  CHECK(bench.counts->get < 1000);
}

TEST_CASE("a wait ends when the context is cancelled") {
  Bench bench({.faults = {{.kind = FaultKind::fail, .times = 100}}});
  struct CancelOnLog final : LogSink {
    CancelToken token;
    void log(LogLevel, std::string_view) noexcept override { token.cancel(); }
  } log;
  log.token = bench.ctx.cancel;
  bench.ctx.log = &log;
  const auto stopped = bench.storage->put(bench.ctx, "k", as_bytes("x"), {});
  REQUIRE_FALSE(stopped.ok());
  CHECK(stopped.error().code() == ErrorCode::cancelled);
  REQUIRE(stopped.error().cause() != nullptr);
  CHECK(stopped.error().cause()->code() == ErrorCode::unavailable);
  CHECK(bench.counts->put == 1);
}

TEST_CASE("a conditional put whose answer was lost is recognised by its bytes") {
  Bench bench({.faults = {{.kind = FaultKind::lost_answer, .call = StorageCall::put}}});
  CHECK(bench.storage->put(bench.ctx, "k", as_bytes("ours"), {.if_absent = true}).ok());
  CHECK(bench.counts->put == 2);
  CHECK(bench.counts->get == 1);
}

TEST_CASE("a conditional put does not mistake another's object for its own") {
  Bench bench({.faults = {{.kind = FaultKind::fail, .call = StorageCall::put}}});
  REQUIRE(bench.memory->put({}, "k", as_bytes("ours but longer"), {}).ok());
  const auto refused = bench.storage->put(bench.ctx, "k", as_bytes("ours"), {.if_absent = true});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::already_exists);
}

TEST_CASE("a first already_exists is believed, even with equal bytes") {
  Bench bench({});
  REQUIRE(bench.memory->put({}, "k", as_bytes("same"), {}).ok());
  const auto refused = bench.storage->put(bench.ctx, "k", as_bytes("same"), {.if_absent = true});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::already_exists);
}

TEST_CASE("the comparison after a lost answer is itself repeated") {
  Bench bench({.faults = {{.kind = FaultKind::lost_answer, .call = StorageCall::put},
                          {.kind = FaultKind::fail, .call = StorageCall::get, .times = 2}}});
  CHECK(bench.storage->put(bench.ctx, "k", as_bytes("ours"), {.if_absent = true}).ok());
}

TEST_CASE("a repeated listing shows every object once") {
  Bench bench({.faults = {{.kind = FaultKind::lost_answer, .call = StorageCall::list, .times = 2}}});
  for (const char* key : {"a", "b", "c"}) REQUIRE(bench.memory->put({}, key, as_bytes("x"), {}).ok());
  std::string seen;
  CHECK(bench.storage
            ->list(bench.ctx, "",
                   [&](const ObjectInfo& object) {
                     seen += object.key;
                     return true;
                   })
            .ok());
  CHECK(seen == "abc");
  CHECK(bench.counts->list == 3);
}

TEST_CASE("a wait that the other side asks for is kept, and not begun when it would pass the deadline") {
  // Answers `wait_ms` as the wait that it wants, twice.
  struct Slow final : Storage {
    StoragePtr inner = make_memory_storage();
    std::string wait_ms;
    int refusals = 2;
    StorageInfo info() const override { return inner->info(); }
    Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
      if (refusals-- <= 0) return inner->stat(ctx, key);
      return Error(ErrorCode::rate_limited, "slow down", Retry::yes).with("retry_after_ms", wait_ms);
    }
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
  const auto passed_with = [](const std::string& wait_ms, ErrorCode expected) {
    FakeClock clock;
    Context ctx;
    ctx.clock = &clock;
    const auto slow = std::make_shared<Slow>();
    slow->wait_ms = wait_ms;
    const auto answer =
        with_retry(slow, {.first_delay = milliseconds(1), .deadline = milliseconds(60'000)})->stat(ctx, "absent");
    CHECK(answer.error().code() == expected);
    return clock.passed();
  };
  CHECK(passed_with("7000", ErrorCode::not_found) == milliseconds(14'000));
  CHECK(passed_with("61000", ErrorCode::rate_limited) == milliseconds(0));
  CHECK(passed_with("99999999999999", ErrorCode::rate_limited) == milliseconds(0));
  CHECK(passed_with("soon", ErrorCode::not_found) <= milliseconds(3));
  CHECK(passed_with("-5", ErrorCode::not_found) <= milliseconds(3));
}

TEST_CASE("why calls are repeated is told once, and again when it is another reason or long ago") {
  Warnings log;
  Bench bench({.faults = {{.times = 4},
                          {.nth = 5, .times = 2, .code = ErrorCode::rate_limited},
                          {.nth = 8, .times = 1, .code = ErrorCode::rate_limited},
                          {.nth = 10, .times = 1, .code = ErrorCode::rate_limited}}});
  bench.ctx.log = &log;
  CHECK(bench.storage->put(bench.ctx, "k", as_bytes("x"), {}).ok());
  REQUIRE(log.lines.size() == 2);
  CHECK(log.lines[0].starts_with("a storage call is repeated: unavailable: "));
  CHECK(log.lines[1].starts_with("a storage call is repeated: rate_limited: "));
  CHECK(log.lines[0].find("key=") == std::string::npos);
  CHECK(bench.storage->get(bench.ctx, "k", {}).ok());
  CHECK(log.lines.size() == 2);
  REQUIRE(bench.clock.sleep_for(std::chrono::minutes(2), {}).ok());
  CHECK(bench.storage->get(bench.ctx, "k", {}).ok());
  REQUIRE(log.lines.size() == 3);
  CHECK(log.lines[2] == log.lines[1]);
  CHECK(bench.counts->calls() == 11);
}
