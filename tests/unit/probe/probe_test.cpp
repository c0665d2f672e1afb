#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>

#include <drkit/probe.hpp>
#include <drkit/report.hpp>
#include <drkit/storage.hpp>

using namespace drkit;

namespace {

constexpr std::uint64_t kAlways = 1'000'000;
const ProbeOptions kQuick{.object_bytes = 300'000, .small_objects = 8};

/// Passes everything on; the tests override what goes wrong.
struct Passing : Storage {
  StoragePtr inner = make_memory_storage();
  StorageInfo info() const override { return inner->info(); }
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

const ProbeItem& item(const ProbeReport& report, std::string_view id) {
  const auto found = std::find_if(report.items.begin(), report.items.end(), [&](const auto& i) { return i.id == id; });
  REQUIRE(found != report.items.end());
  return *found;
}

int objects_in(Storage& storage) {
  int count = 0;
  REQUIRE(storage.list({}, "", [&](const ObjectInfo&) { return ++count > 0; }).ok());
  return count;
}

ProbeReport probe(Storage& storage, const Context& ctx = {}) {
  const auto report = probe_storage(ctx, storage, kQuick);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  return *report;
}

}  // namespace

TEST_CASE("a good storage is found safe, and is left as it was") {
  const auto storage = make_memory_storage();
  REQUIRE(storage->put({}, "own", as_bytes("x"), {}).ok());
  const ProbeReport report = probe(*storage);
  CHECK(report.verdict == ProbeVerdict::ok);
  CHECK(report.safe());
  CHECK(report.summary == "safe for a repository");
  CHECK(report.items.size() == 14);
  CHECK(item(report, "upload").value > 0);
  CHECK(item(report, "upload").unit == "bytes/s");
  CHECK(objects_in(*storage) == 1);
  const std::string json = to_json(report);
  CHECK(json.find("\"verdict\": \"ok\"") != std::string::npos);
  CHECK(json.find("\"id\": \"conditional_race\"") != std::string::npos);
}

TEST_CASE("a storage that ignores if_absent is dangerous when it promises it, and slower when it does not") {
  struct Ignoring final : Passing {
    bool promises = true;
    StorageInfo info() const override {
      StorageInfo info = inner->info();
      info.conditional_create = promises;
      return info;
    }
    Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions) override {
      return inner->put(ctx, key, bytes, {});
    }
  };
  Ignoring storage;
  const ProbeReport lying = probe(storage);
  CHECK(lying.verdict == ProbeVerdict::unsafe);
  CHECK_FALSE(lying.safe());
  CHECK(item(lying, "conditional_put").verdict == ProbeVerdict::unsafe);
  CHECK(item(lying, "conditional_race").verdict == ProbeVerdict::unsafe);
  CHECK(lying.summary.starts_with("not safe for a repository: "));
  storage.promises = false;
  const ProbeReport honest = probe(storage);
  CHECK(honest.verdict == ProbeVerdict::degraded);
  CHECK(item(honest, "conditional_put").verdict == ProbeVerdict::degraded);
}

TEST_CASE("wrong bytes, wrong ranges and late listings are found") {
  const auto flipped = with_faults(
      make_memory_storage(), {.faults = {{.kind = FaultKind::bit_flip, .call = StorageCall::get, .times = kAlways}}});
  CHECK(item(probe(*flipped), "round_trip").verdict == ProbeVerdict::unsafe);

  struct Whole final : Passing {
    Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange) override { return inner->get(ctx, key, {}); }
  } whole;
  CHECK(item(probe(whole), "ranges").verdict == ProbeVerdict::unsafe);

  struct Late final : Passing {
    Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
      bool first = true;
      return inner->list(ctx, prefix, [&](const ObjectInfo& object) {
        const bool hidden = std::exchange(first, false);
        return hidden || visit(object);
      });
    }
  } late;
  CHECK(item(probe(late), "consistency").verdict == ProbeVerdict::unsafe);
  CHECK(objects_in(*late.inner) == 0);
}

TEST_CASE("puts in pieces are seen") {
  struct Pieces final : Passing {
    Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
      if (bytes.size() > 100'000) {
        DRKIT_TRY(inner->put(ctx, key, bytes.first(1000), options));
        DRKIT_TRY(ctx.clock->sleep_for(std::chrono::milliseconds(30), ctx.cancel));
        options.if_absent = false;
      }
      return inner->put(ctx, key, bytes, options);
    }
  } pieces;
  const ProbeReport report = probe(pieces);
  CHECK(item(report, "half_written").verdict == ProbeVerdict::unsafe);
  // A repository replaces nothing.
  CHECK(item(report, "overwrite").verdict == ProbeVerdict::degraded);
}

TEST_CASE("a storage that keeps everything for ever is degraded, and says what stays") {
  const auto storage = with_faults(
      make_memory_storage(),
      {.faults = {
           {.call = StorageCall::remove, .times = kAlways, .code = ErrorCode::permission_denied, .retry = Retry::no}}});
  const ProbeReport report = probe(*storage);
  CHECK(report.verdict == ProbeVerdict::degraded);
  CHECK(item(report, "removal").verdict == ProbeVerdict::degraded);
  CHECK(item(report, "cleanup").verdict == ProbeVerdict::degraded);
}

TEST_CASE("a clock that is wrong is measured") {
  struct Ahead final : Passing {
    Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
      auto info = inner->stat(ctx, key);
      if (info) info->modified_ns = ctx.clock->wall_ns() + std::int64_t{3600} * 1'000'000'000;
      return info;
    }
  } ahead;
  const ProbeReport report = probe(ahead);
  CHECK(item(report, "clock_skew").verdict == ProbeVerdict::degraded);
  CHECK(item(report, "clock_skew").value == doctest::Approx(3600).epsilon(0.01));
}

TEST_CASE("a storage that cannot be asked is an error, and what was put is removed") {
  const auto memory = make_memory_storage();
  for (const std::uint64_t nth : {1U, 2U, 9U, 30U, 60U}) {
    CAPTURE(nth);
    const auto failing = with_faults(memory, {.faults = {{.call = StorageCall::put, .nth = nth}}});
    const auto report = probe_storage({}, *failing, kQuick);
    REQUIRE_FALSE(report.ok());
    CHECK(report.error().code() == ErrorCode::unavailable);
    CHECK(objects_in(*memory) == 0);
  }
  CHECK(probe_storage({}, *read_only(memory), kQuick).error().code() == ErrorCode::permission_denied);
  CHECK(probe_storage({}, *memory, {.object_bytes = 0}).error().code() == ErrorCode::invalid_argument);
  CHECK(probe_storage({}, *memory, {.small_objects = 0}).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("a cancelled probe cleans up") {
  struct Cancelling final : Passing {
    Context* ctx = nullptr;
    std::atomic<int> left = 20;
    Result<void> put(const Context& context, std::string_view key, ByteView bytes, PutOptions options) override {
      if (--left == 0) ctx->cancel.cancel();
      return inner->put(context, key, bytes, options);
    }
  } storage;
  Context ctx;
  storage.ctx = &ctx;
  const auto report = probe_storage(ctx, storage, kQuick);
  REQUIRE_FALSE(report.ok());
  CHECK(report.error().code() == ErrorCode::cancelled);
  CHECK(objects_in(*storage.inner) == 0);
}
