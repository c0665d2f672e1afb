// Objects that grow in place: what was added stays whatever goes wrong, and nothing is added after that.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <drkit/storage.hpp>

#include "testing/fake_clock.hpp"
#include "testing/os_faults.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

StoragePtr open_local(const std::string& path) {
  auto made = make_local_storage(path, {.create = true});
  REQUIRE(made.ok());
  return std::move(*made);
}

std::string begin_of(Storage& storage, std::string_view key, std::size_t size) {
  const auto got = storage.get({}, key, {0, size});
  REQUIRE_MESSAGE(got.ok(), got.error().to_string());
  return std::string(as_text(*got));
}

template <class T>
ErrorCode code_of(const Result<T>& result) {
  return result.ok() ? ErrorCode::ok : result.error().code();
}

unsigned syncs = 0;

}  // namespace

TEST_CASE("what is added is durable when append returns, the object's name before that") {
  const TempDir dir;
  const StoragePtr storage = open_local(dir.path());
  syncs = 0;
  OsFaults faults;
  faults->fdatasync = [](int fd) { return ++syncs, ::fdatasync(fd); };
  auto growing = storage->grow({}, "wal/a/b");
  REQUIRE(growing.ok());
  CHECK(syncs == 0);
  for (unsigned i = 1; i <= 3; ++i) {
    REQUIRE((*growing)->append({}, as_bytes("abc")).ok());
    CHECK(syncs == i);
  }
  CHECK(begin_of(*storage, "wal/a/b", 9) == "abcabcabc");
}

TEST_CASE("after a sync that failed nothing is added, and what was stays") {
  const TempDir dir;
  const StoragePtr storage = open_local(dir.path());
  auto growing = storage->grow({}, "tail");
  REQUIRE(growing.ok());
  REQUIRE((*growing)->append({}, as_bytes("kept")).ok());
  {
    OsFaults faults;
    faults->fdatasync = [](int) { return errno = EIO, -1; };
    const auto failed = (*growing)->append({}, as_bytes("lost"));
    CHECK(code_of(failed) == ErrorCode::io);
    CHECK(failed.error().to_string().find("tail") != std::string::npos);
  }
  CHECK(code_of((*growing)->append({}, as_bytes("more"))) == ErrorCode::precondition_failed);
  CHECK(begin_of(*storage, "tail", 4) == "kept");
}

TEST_CASE("a disk without room for zeros ahead takes what fits") {
  const TempDir dir;
  const StoragePtr storage = open_local(dir.path());
  auto growing = storage->grow({}, "tail");
  REQUIRE(growing.ok());
  OsFaults faults;
  faults->pwrite = [](int fd, const void* buffer, std::size_t size, off_t offset) -> ssize_t {
    if (size > 1000) return errno = ENOSPC, -1;
    return ::pwrite(fd, buffer, size, offset);
  };
  REQUIRE((*growing)->append({}, as_bytes("small")).ok());
  CHECK(code_of((*growing)->append({}, Bytes(5000))) == ErrorCode::no_space);
  CHECK(storage->get({}, "tail", {}).value() == Bytes(as_bytes("small").begin(), as_bytes("small").end()));
}

TEST_CASE("decorators pass growth on, and each does its part") {
  const TempDir dir;
  const StoragePtr local = open_local(dir.path());
  CHECK(code_of(read_only(local)->grow({}, "tail")) == ErrorCode::permission_denied);
  CHECK(code_of(make_memory_storage()->grow({}, "tail")) == ErrorCode::unsupported);

  const auto counts = std::make_shared<CallCounts>();
  FaultPlan plan;
  plan.faults.push_back({.kind = FaultKind::fail, .call = StorageCall::put, .nth = 1});
  plan.faults.push_back({.kind = FaultKind::crash_before, .call = StorageCall::put, .nth = 4});
  auto cached = with_cache(with_faults(local, plan, counts), dir / "cache", 1 << 20);
  REQUIRE(cached.ok());
  FakeClock clock;
  Context ctx;
  ctx.clock = &clock;
  const StoragePtr storage = with_retry(with_concurrency(with_throttle(*cached, {.upload_bytes_per_second = 1000}), 2));
  auto growing = storage->grow(ctx, "tail");
  REQUIRE_MESSAGE(growing.ok(), growing.error().to_string());
  const auto began = clock.steady();
  REQUIRE((*growing)->append(ctx, Bytes(2000, std::byte{1})).ok());
  const auto crashed = (*growing)->append(ctx, Bytes(10, std::byte{2}));
  CHECK(code_of(crashed) == ErrorCode::unavailable);
  CHECK(clock.steady() - began >= std::chrono::seconds(2));
  CHECK(counts->put == 4);
  CHECK(counts->bytes_put == 2000);
}
