// Received log while the storage is away: the spool takes it in, to a limit, and all of it is stored in order
// afterwards.
#include <doctest/doctest.h>

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>

#include <drkit/storage.hpp>

#include "base/posix_file.hpp"
#include "systems/postgres/wal_intake.hpp"
#include "systems/postgres/wal_pieces.hpp"
#include "testing/memory_repository.hpp"
#include "testing/os_faults.hpp"
#include "testing/seeded_random.hpp"
#include "testing/temp_dir.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;
using namespace std::chrono_literals;
using drkit::testing::WalBuilder;
using drkit::testing::words;

namespace {

constexpr std::uint64_t kSystem = 77;
constexpr std::uint32_t kSegment = 1 << 20;
constexpr Lsn kStart = 0x5000000;

/// Cannot be reached while it is away. A put that was on its way then may be done all the same.
class AwayStorage final : public Storage {
 public:
  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    DRKIT_TRY(check());
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    if (away && lose_answers.exchange(false)) DRKIT_TRY(inner_->put(ctx, key, bytes, options));
    DRKIT_TRY(check());
    return inner_->put(ctx, key, bytes, options);
  }
  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(check());
    return inner_->remove(ctx, key);
  }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }
  std::atomic<bool> away{false}, lose_answers{false};
  std::atomic<int> refused{0};

 private:
  Result<void> check() {
    if (!away) return {};
    ++refused;
    return Error(ErrorCode::unavailable, "no route to the storage", Retry::yes);
  }
  StoragePtr inner_ = make_memory_storage();
};

Repository make(const StoragePtr& storage) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto made = Repository::create({}, storage, std::move(options));
  REQUIRE_MESSAGE(made.ok(), words(made));
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

struct Lines final : LogSink {
  void log(LogLevel level, std::string_view message) noexcept override {
    if (level == LogLevel::warning && message.find("takes no log in") != std::string_view::npos) ++warnings;
    if (level == LogLevel::info && message.find("takes log in again") != std::string_view::npos) ++ends;
  }
  std::atomic<int> warnings{0}, ends{0};
};

struct Fixture {
  testing::TempDir dir;
  std::shared_ptr<AwayStorage> storage = std::make_shared<AwayStorage>();
  WalArchive archive{make(storage)};
  base::UniqueFd wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  Lines lines;
  Context ctx;
  WalReceiveOptions options;
  std::optional<WalIntake> intake;

  Fixture() {
    ctx.log = &lines;
    options.durable = WalDurable::spool;
    options.spool_directory = dir.path() + "/spool";
    options.store_every = 1h;
  }
  void begin() { intake.emplace(ctx, archive, UploadStart{kSystem, 1, kSegment, kStart, {}}, options, wake.get()); }
  /// As a receiver does; stops at the first error.
  Result<void> give(const Bytes& log, std::size_t from, std::size_t to) {
    for (std::size_t at = from; at < to; at += 100'000) {
      DRKIT_TRY(intake->take(kStart + at, ByteView(log).subspan(at, std::min<std::size_t>(100'000, to - at))));
      DRKIT_TRY(intake->keep_moving(false));
    }
    return intake->keep_moving(true);
  }
  bool stores_up_to(Lsn lsn) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (intake->stored() < lsn && std::chrono::steady_clock::now() < end) {
      REQUIRE(intake->keep_moving(true).ok());
      std::this_thread::sleep_for(1ms);
    }
    REQUIRE(intake->keep_moving(true).ok());
    return intake->stored() >= lsn;
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator(options.spool_directory)) {
      count += each.path().extension() == ".received" ? 1 : 0;
    }
    return count;
  }
  /// What the repository has, which is never more than `log`, and of it how much.
  Lsn stored_of(const Bytes& log) const {
    for (Lsn start = kStart;; start += kSegment) {
      const auto segment = read_segment({}, archive, {WalKind::segment, kSystem, 1, start, start + kSegment});
      if (!segment.ok()) {
        CHECK(segment.error().code() == ErrorCode::not_found);
        return start;
      }
      REQUIRE(segment->end <= kStart + log.size());
      const ByteView sent = ByteView(log).subspan(start - kStart, segment->end - start);
      CHECK(std::equal(sent.begin(), sent.end(), segment->bytes.begin()));
      if (!segment->whole) return segment->end;
    }
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an outage of the storage costs disk alone; afterwards everything is stored in order") {
  begin();
  const Bytes log = log_of(12 * kSegment + 300'000);
  REQUIRE(give(log, 0, 2 * kSegment + 500'000).ok());
  REQUIRE(stores_up_to(kStart + 2 * kSegment));
  storage->away = storage->lose_answers = true;
  REQUIRE(give(log, 2 * kSegment + 500'000, log.size()).ok());
  // All of it may be acknowledged, nothing of it is held in memory but what is next.
  CHECK(intake->durable() == kStart + log.size());
  CHECK(intake->stored() == kStart + 2 * kSegment);
  CHECK(files() == 11);
  while (storage->refused < 4) std::this_thread::sleep_for(1ms);
  CHECK(intake->state().ok());
  CHECK(lines.warnings == 1);
  CHECK(lines.ends == 0);

  storage->away = false;
  REQUIRE(stores_up_to(kStart + 12 * kSegment));
  CHECK(lines.ends == 1);
  CHECK(files() == 1);
  const auto done = intake->finish(false);
  REQUIRE_MESSAGE(done.ok(), words(done));
  CHECK(files() == 0);
  CHECK(stored_of(log) == kStart + log.size());
  CHECK(lines.warnings == 1);
}

TEST_CASE_FIXTURE(Fixture, "at its limit the spool takes nothing more, and goes on when there is room") {
  options.spool_bytes = 4 * kSegment + 5;
  begin();
  storage->away = true;
  const Bytes log = log_of(9 * kSegment);
  const auto full = give(log, 0, log.size());
  REQUIRE(full.error().code() == ErrorCode::no_space);
  REQUIRE(intake->keep_moving(true).ok());
  CHECK(files() == 4);
  CHECK(intake->received() == kStart + 4 * kSegment);
  CHECK(intake->durable() == intake->received());
  CHECK(give(log, 4 * kSegment, log.size()).error().code() == ErrorCode::no_space);
  CHECK(intake->state().ok());

  storage->away = false;
  REQUIRE(stores_up_to(kStart + 2 * kSegment));
  const auto from = static_cast<std::size_t>(intake->received() - kStart);
  REQUIRE(give(log, from, from + kSegment).ok());
  const auto rest = static_cast<std::size_t>(intake->received() - kStart);
  REQUIRE(stores_up_to(kStart + rest / kSegment * kSegment));
  REQUIRE(intake->finish(false).ok());
  CHECK(stored_of(log) == kStart + rest);
}

TEST_CASE_FIXTURE(Fixture, "a limit below one segment still lets the log through, one after the other") {
  options.spool_bytes = 1;
  begin();
  const Bytes log = log_of(3 * kSegment);
  for (std::size_t at = 0; at < log.size();) {
    const auto given = give(log, at, log.size());
    if (given) break;
    REQUIRE(given.error().code() == ErrorCode::no_space);
    CHECK(files() == 1);
    at = static_cast<std::size_t>(intake->received() - kStart);
    REQUIRE(stores_up_to(kStart + at));
  }
  REQUIRE(intake->finish(false).ok());
  CHECK(stored_of(log) == kStart + log.size());
}

TEST_CASE_FIXTURE(Fixture, "a disk that is full in the middle of a message loses nothing of it") {
  begin();
  const Bytes log = log_of(2 * kSegment);
  REQUIRE(give(log, 0, 300'000).ok());
  {
    testing::OsFaults faults;
    static int calls;
    calls = 0;
    // Half of it has room.
    faults->pwrite = [](int fd, const void* buffer, std::size_t size, off_t offset) -> ssize_t {
      if (calls++ == 0) return base::real_os_calls().pwrite(fd, buffer, size / 2, offset);
      errno = ENOSPC;
      return -1;
    };
    CHECK(give(log, 300'000, 400'000).error().code() == ErrorCode::no_space);
    CHECK(intake->received() == kStart + 300'000);
    REQUIRE(intake->keep_moving(true).ok());
    CHECK(intake->durable() == kStart + 300'000);
  }
  REQUIRE(give(log, 300'000, log.size()).ok());
  REQUIRE(intake->finish(false).ok());
  CHECK(stored_of(log) == kStart + log.size());
}

TEST_CASE_FIXTURE(Fixture, "killed in an outage: what was acknowledged is stored by the next run, and nothing twice") {
  const Bytes log = log_of(6 * kSegment + 200'000);
  begin();
  REQUIRE(give(log, 0, kSegment + 70'000).ok());
  REQUIRE(stores_up_to(kStart + kSegment));
  storage->away = storage->lose_answers = true;
  REQUIRE(give(log, kSegment + 70'000, log.size()).ok());
  const Lsn acknowledged = intake->durable();
  CHECK(acknowledged == kStart + log.size());
  intake.reset();
  storage->away = false;
  const auto left = store_left_over({}, archive, options.spool_directory);
  REQUIRE_MESSAGE(left.ok(), words(left));
  CHECK(*left == 6);
  CHECK(stored_of(log) == acknowledged);
  CHECK(*store_left_over({}, archive, options.spool_directory) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a server that sends other bytes than before a lost connection is refused") {
  begin();
  storage->away = true;
  Bytes log = log_of(4 * kSegment);
  REQUIRE(give(log, 0, 3 * kSegment + 500'000).ok());
  // The next connection begins with the segment; the same bytes pass.
  REQUIRE(give(log, 3 * kSegment, 3 * kSegment + 600'000).ok());
  CHECK(intake->durable() == kStart + 3 * kSegment + 600'000);
  log[3 * kSegment + 400'000] ^= std::byte{1};
  CHECK(give(log, 3 * kSegment, 3 * kSegment + 700'000).error().code() == ErrorCode::already_exists);
  CHECK(intake->received() == kStart + 3 * kSegment + 600'000);
}

TEST_CASE_FIXTURE(Fixture, "given up in an outage, the rest stays in the spool") {
  begin();
  storage->away = true;
  const Bytes log = log_of(5 * kSegment);
  REQUIRE(give(log, 0, log.size()).ok());
  ctx.cancel.cancel();
  CHECK(intake->finish(false).error().code() == ErrorCode::cancelled);
  CHECK(intake->safe() == kStart + log.size());
  CHECK(files() == 6);
}

TEST_CASE_FIXTURE(Fixture, "an error that no waiting mends ends it") {
  const Bytes log = log_of(2 * kSegment);
  const WalName first{WalKind::segment, kSystem, 1, kStart, kStart + kSegment};
  REQUIRE(archive.put({}, first, Bytes(kSegment, std::byte{7})).ok());
  begin();
  const auto end = std::chrono::steady_clock::now() + 20s;
  Result<void> given = give(log, 0, log.size());
  while (given && std::chrono::steady_clock::now() < end) given = intake->keep_moving(true), given = intake->state();
  CHECK(given.error().code() == ErrorCode::already_exists);
}
