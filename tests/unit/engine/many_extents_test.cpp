// Files of very many pieces: sparse ones whose data lies in tiny islands.
#include <doctest/doctest.h>

#include <cstring>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>
#include <drkit/storage.hpp>

#include "testing/generated_source.hpp"

using namespace drkit;

namespace {

constexpr std::uint64_t kIslands = 70'000;  // more than a restore holds at once
constexpr std::uint64_t kStep = 500;
constexpr std::uint64_t kTail = 12'345;

std::uint64_t island(std::uint64_t i) { return i * 0x9e3779b97f4a7c15ULL | 1; }

Bytes content() {
  Bytes bytes(kIslands * kStep + kTail);
  for (std::uint64_t i = 0; i < kIslands; ++i) {
    const std::uint64_t value = island(i);
    std::memcpy(bytes.data() + i * kStep, &value, sizeof value);
  }
  return bytes;
}

class IslandStream final : public Stream {
 public:
  IslandStream() {
    entry_.path = "islands";
    entry_.mode = 0600;
    entry_.size_bytes = kIslands * kStep + kTail;
  }
  const Entry& entry() const override { return entry_; }
  Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
    if (next_ == 2 * kIslands + 1) return ReadResult{};
    const std::uint64_t step = next_++;
    if (step == 2 * kIslands) return ReadResult{0, kTail};
    if (step % 2 != 0) return ReadResult{0, kStep - 8};
    const std::uint64_t value = island(step / 2);
    std::memcpy(buffer.data(), &value, sizeof value);
    return ReadResult{8, 0};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  Entry entry_;
  std::uint64_t next_ = 0;
};

class IslandSource final : public Source {
 public:
  SourceInfo info() const override { return {"islands", "islands", false, true}; }
  Result<void> begin(const Context&) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context&) override {
    if (std::exchange(given_, true)) return std::unique_ptr<Stream>();
    return std::unique_ptr<Stream>(std::make_unique<IslandStream>());
  }
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{}; }

 private:
  bool given_ = false;
};

/// One file in memory, which may hold something before.
class OneFileTarget final : public RestoreTarget {
 public:
  Bytes bytes;
  unsigned opened = 0;
  unsigned closed = 0;
  std::atomic<std::uint64_t> writes{0};
  unsigned reserved = 0;

  TargetInfo info() const override { return {"memory", "one", false}; }
  Result<void> begin(const Context&, const RestoreSettings&) override { return {}; }
  Result<void> make(const Context&, const Entry&) override {
    return Error(ErrorCode::internal, "nothing but the file");
  }
  Result<std::unique_ptr<Sink>> open(const Context&, const Entry& entry) override {
    ++opened;
    bytes.resize(static_cast<std::size_t>(entry.size_bytes));
    return std::unique_ptr<Sink>(std::make_unique<OneSink>(*this));
  }
  Result<void> finish(const Context&) override { return {}; }

 private:
  class OneSink final : public Sink {
   public:
    explicit OneSink(OneFileTarget& target) : target_(target) {}
    Result<void> reserve(const Context&) override {
      ++target_.reserved;
      return {};
    }
    Result<void> write_at(const Context&, std::uint64_t offset, ByteView data) override {
      std::memcpy(target_.bytes.data() + offset, data.data(), data.size());
      ++target_.writes;
      return {};
    }
    Result<std::size_t> read_at(const Context&, std::uint64_t offset, std::span<std::byte> data) override {
      std::memcpy(data.data(), target_.bytes.data() + offset, data.size());
      return data.size();
    }
    Result<void> close(const Context&) override {
      ++target_.closed;
      return {};
    }

   private:
    OneFileTarget& target_;
  };
};

Result<Repository> make_repository(const Context& ctx) {
  CreateOptions create;
  create.passwords.push_back(Secret::from_text("pw"));
  create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  return Repository::create(ctx, make_memory_storage(), std::move(create));
}

}  // namespace

TEST_CASE("a file of more pieces than a restore holds at once comes back whole, also over an older state") {
  const Context ctx;
  auto repository = make_repository(ctx);
  REQUIRE(repository.ok());
  IslandSource source;
  const auto snapshot = backup(ctx, *repository, source);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  CHECK(snapshot->stats.chunks == kIslands);
  const Bytes expected = content();
  OneFileTarget target;
  const auto restored = restore(ctx, *repository, *snapshot, target);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  CHECK(target.bytes == expected);
  CHECK(target.opened == 1);
  CHECK(target.closed == 1);
  CHECK(target.writes == kIslands);
  CHECK(target.reserved == 0);
  // Three islands were washed over, in the first and in the last part of what is looked at.
  for (const std::uint64_t i : {5ULL, 40'000ULL, 69'999ULL}) target.bytes[i * kStep] ^= std::byte{1};
  target.writes = 0;
  RestoreOptions delta;
  delta.delta = true;
  const auto again = restore(ctx, *repository, *snapshot, target, delta);
  REQUIRE_MESSAGE(again.ok(), again.error().to_string());
  CHECK(target.bytes == expected);
  CHECK(target.writes == 3);
  CHECK(target.closed == 2);
  CHECK(again->stats.bytes_kept == (kIslands - 3) * 8);
}

TEST_CASE("of a file without holes the sink hears before the first byte") {
  const Context ctx;
  auto repository = make_repository(ctx);
  REQUIRE(repository.ok());
  drkit::testing::GeneratedSource source(9 * drkit::testing::kMiB + 5, drkit::testing::Generated::random);
  const auto snapshot = backup(ctx, *repository, source);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  OneFileTarget target;
  const auto restored = restore(ctx, *repository, *snapshot, target);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  CHECK(target.opened == 1);
  CHECK(target.reserved == 1);
  CHECK(target.closed == 1);
}
