// Received log on its way into the repository: whatever moment it is killed at, no hole stays behind.
#include <doctest/doctest.h>

#include <sys/eventfd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <drkit/storage.hpp>

#include "base/posix_file.hpp"
#include "systems/postgres/wal_resume.hpp"
#include "systems/postgres/wal_uploader.hpp"
#include "testing/fake_clock.hpp"
#include "testing/seeded_random.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;
using namespace std::chrono_literals;
using drkit::testing::WalBuilder;

namespace {

constexpr std::uint64_t kSystem = 77;
constexpr std::uint32_t kSegment = 1 << 20;
constexpr Lsn kStart = 0x5000000;

/// Holds back the puts of large objects until it is told to let them through.
class SlowStorage final : public Storage {
 public:
  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(wait_while(ctx, bytes.size() > hold_above_));
    return inner_->put(ctx, key, bytes, options);
  }
  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(wait_while(ctx, hold_removes_));
    return inner_->remove(ctx, key);
  }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }

  void hold_above(std::size_t bytes) { hold_above_ = bytes; }
  void hold_removes() {
    hold_above_ = ~std::size_t{0};
    hold_removes_ = true;
  }
  void wait_until_held() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 20s, [this] { return held_; }));
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  /// A cancel ends the waiting.
  Result<void> wait_while(const Context& ctx, bool holding) {
    if (!holding) return {};
    std::unique_lock lock(mutex_);
    held_ = true;
    changed_.notify_all();
    while (!changed_.wait_for(lock, 10ms, [this] { return open_; })) DRKIT_TRY(ctx.check_cancelled());
    return {};
  }

  StoragePtr inner_ = make_memory_storage();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false, open_ = false;
  std::size_t hold_above_ = kSegment / 2;
  bool hold_removes_ = false;
};

Repository make(const StoragePtr& storage) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto made = Repository::create({}, storage, std::move(options));
  REQUIRE_MESSAGE(made.ok(), made.error().to_string());
  return std::move(*made);
}

/// More than `bytes` of records that cannot be compressed.
Bytes log_of(std::size_t bytes) {
  WalBuilder log(kSystem, 1, kStart, kSegment);
  testing::SeededRandom random(3);
  Bytes data(4000);
  while (log.bytes().size() < bytes) {
    random.fill(data);
    log.add(10, 0, 0, data);
  }
  return log.bytes();
}

bool reaches(const WalUploader& upload, Lsn lsn) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (upload.durable() < lsn && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  return upload.durable() >= lsn;
}

struct Fixture {
  std::shared_ptr<SlowStorage> storage = std::make_shared<SlowStorage>();
  WalArchive archive{make(storage)};
  base::UniqueFd wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  Context ctx;

  std::unique_ptr<WalUploader> uploader(const WalReceiveOptions& options) {
    return std::make_unique<WalUploader>(ctx, archive, UploadStart{kSystem, 1, kSegment, kStart, {}}, options,
                                         wake.get());
  }
  std::vector<WalName> stored() const {
    const auto objects = archive.list({}, kSystem);
    REQUIRE(objects.ok());
    std::vector<WalName> names;
    for (const WalObject& object : *objects) names.push_back(object.name);
    return names;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "nothing is stored ahead of a full segment that is still on its way") {
  WalReceiveOptions options;
  options.store_every = 1ms;
  const auto upload = uploader(options);
  const Bytes log = log_of(kSegment + 100'000);
  REQUIRE(upload->append(kStart, log).ok());
  storage->wait_until_held();
  // Long enough for a piece that does not wait; a kill now must leave something to go on from.
  std::this_thread::sleep_for(200ms);
  const auto names = stored();
  CHECK(std::none_of(names.begin(), names.end(), [](const WalName& name) { return name.start >= kStart + kSegment; }));
  const auto resume = find_resume_point({}, archive, kSystem, {{1, 0, ~Lsn{0}}}, kSegment);
  REQUIRE(resume.ok());
  CHECK((!resume->found || resume->segment_start == kStart));

  storage->open();
  REQUIRE(upload->finish().ok());
  CHECK(upload->durable() == kStart + log.size());
  const auto all = stored();
  CHECK(std::any_of(all.begin(), all.end(), [](const WalName& name) { return name.kind == WalKind::segment; }));
  CHECK(std::any_of(all.begin(), all.end(), [&](const WalName& name) {
    return name.kind == WalKind::piece && name.start == kStart + kSegment && name.end == kStart + log.size();
  }));
}

TEST_CASE_FIXTURE(Fixture, "in haste pieces go ahead of the segment that they make up") {
  WalReceiveOptions options;
  options.synchronous = true;
  const auto upload = uploader(options);
  const Bytes log = log_of(2 * kSegment + 5'000);
  for (std::size_t at = 0; at < log.size(); at += 40'000) {
    const std::size_t count = std::min<std::size_t>(40'000, log.size() - at);
    REQUIRE(upload->append(kStart + at, ByteView(log).subspan(at, count)).ok());
    if (at > kSegment / 3) {
      storage->open();
    } else {
      CHECK(reaches(*upload, kStart + at + count));
    }
  }
  REQUIRE(upload->finish().ok());
  CHECK(upload->durable() == kStart + log.size());
}

TEST_CASE_FIXTURE(Fixture, "what comes while a piece is stored waits from when it came") {
  const auto clock = std::make_shared<testing::FakeClock>();
  ctx.clock = clock.get();
  WalReceiveOptions options;
  options.store_every = 250ms;
  options.store_bytes = 0;
  const auto upload = uploader(options);
  const Bytes log = log_of(kSegment - 200'000);
  const std::size_t first = kSegment - 300'000, second = first + 50'000;
  const auto give = [&](std::size_t from, std::size_t to) {
    REQUIRE(upload->append(kStart + from, ByteView(log).subspan(from, to - from)).ok());
  };
  const auto pass = [&] { REQUIRE(clock->sleep_for(250ms, {}).ok()); };
  give(0, first);
  pass();
  give(first, first + 10);
  storage->wait_until_held();
  give(first + 10, second);
  // Its time comes while the piece before it is still on its way.
  pass();
  storage->open();
  CHECK(reaches(*upload, kStart + second));
}

TEST_CASE_FIXTURE(Fixture, "so many bytes are stored before their time") {
  WalReceiveOptions options;
  options.store_every = 1h;
  options.store_bytes = 4096;
  const auto upload = uploader(options);
  const Bytes log = log_of(20'000);
  REQUIRE(upload->append(kStart, ByteView(log).first(4095)).ok());
  std::this_thread::sleep_for(50ms);
  CHECK(upload->durable() == kStart);
  REQUIRE(upload->append(kStart + 4095, ByteView(log).subspan(4095, 1)).ok());
  CHECK(reaches(*upload, kStart + 4096));
}

TEST_CASE_FIXTURE(Fixture, "the end of a full segment does not wait for the whole of it") {
  WalReceiveOptions options;
  options.store_every = 1h;
  options.store_bytes = 100'000;
  const auto upload = uploader(options);
  const Bytes log = log_of(kSegment + 150'000);
  for (std::size_t at = 0; at < log.size(); at += 120'000) {
    const std::size_t count = std::min<std::size_t>(120'000, log.size() - at);
    REQUIRE(upload->append(kStart + at, ByteView(log).subspan(at, count)).ok());
    if (at + count <= kSegment) CHECK(reaches(*upload, kStart + at + count));
  }
  storage->wait_until_held();
  CHECK(reaches(*upload, kStart + kSegment + 100'000));
  storage->open();
  REQUIRE(upload->finish().ok());
  CHECK(upload->durable() == kStart + log.size());
  CHECK(upload->segments() == 1);
}

TEST_CASE_FIXTURE(Fixture, "making one of many pieces keeps nobody waiting") {
  storage->hold_above(60'000);
  WalReceiveOptions options;
  options.synchronous = true;
  const auto upload = uploader(options);
  const Bytes log = log_of(200'000);
  const auto give = [&](std::size_t from, std::size_t to) {
    REQUIRE(upload->append(kStart + from, ByteView(log).subspan(from, to - from)).ok());
    CHECK(reaches(*upload, kStart + to));
  };
  for (std::size_t piece = 0; piece < 16; ++piece) give(piece * 5000, (piece + 1) * 5000);
  storage->wait_until_held();
  for (std::size_t piece = 16; piece < 30; ++piece) give(piece * 5000, (piece + 1) * 5000);
  storage->open();
  REQUIRE(upload->finish().ok());
  const auto names = stored();
  CHECK(names.size() == 15);
  CHECK(names.front().end == kStart + 16 * 5000);
}

TEST_CASE_FIXTURE(Fixture,
                  "after a cancel what the storage does not take in is given up, and not before the grace is over") {
  WalReceiveOptions options;
  options.synchronous = true;
  storage->hold_above(60'000);
  const auto upload = uploader(options);
  const Bytes log = log_of(100'000);
  REQUIRE(upload->append(kStart, log).ok());
  storage->wait_until_held();
  ctx.cancel.cancel();
  const auto before = std::chrono::steady_clock::now();
  CHECK(upload->finish(300ms).error().code() == ErrorCode::cancelled);
  CHECK(std::chrono::steady_clock::now() >= before + 300ms);
  CHECK(upload->durable() == kStart);
  CHECK(upload->received() == kStart + log.size());
}

TEST_CASE_FIXTURE(Fixture, "after a cancel what is on its way is stored within the grace") {
  WalReceiveOptions options;
  options.synchronous = true;
  storage->hold_above(60'000);
  const auto upload = uploader(options);
  const Bytes log = log_of(100'000);
  REQUIRE(upload->append(kStart, log).ok());
  storage->wait_until_held();
  ctx.cancel.cancel();
  std::thread opens([&] {
    std::this_thread::sleep_for(100ms);
    storage->open();
  });
  CHECK(upload->finish(20s).ok());
  opens.join();
  CHECK(upload->durable() == kStart + log.size());
}

TEST_CASE_FIXTURE(Fixture, "a cancel is heard also while two full segments wait") {
  WalReceiveOptions options;
  options.store_bytes = 0;
  const auto upload = uploader(options);
  ctx.cancel.cancel();
  CHECK(upload->append(kStart, log_of(4 * kSegment)).error().code() == ErrorCode::cancelled);
}

TEST_CASE_FIXTURE(Fixture, "a segment is durable before the pieces that it replaces are taken away") {
  storage->hold_removes();
  WalReceiveOptions options;
  options.store_every = 1h;
  options.store_bytes = 100'000;
  const auto upload = uploader(options);
  const Bytes log = log_of(kSegment);
  REQUIRE(upload->append(kStart, ByteView(log).first(100'000)).ok());
  CHECK(reaches(*upload, kStart + 100'000));
  REQUIRE(upload->append(kStart + 100'000, ByteView(log).subspan(100'000)).ok());
  CHECK(reaches(*upload, kStart + kSegment));
  storage->wait_until_held();
  storage->open();
  REQUIRE(upload->finish().ok());
  const auto names = stored();
  CHECK(std::count_if(names.begin(), names.end(), [](const WalName& name) { return name.kind == WalKind::segment; }) ==
        1);
  CHECK(std::none_of(names.begin(), names.end(),
                     [](const WalName& name) { return name.kind == WalKind::piece && name.start == kStart; }));
}
