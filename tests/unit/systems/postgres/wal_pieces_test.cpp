// A segment that grows while it is read, and one of which several forms are stored.
#include <doctest/doctest.h>

#include <functional>

#include <drkit/storage.hpp>

#include "systems/postgres/wal_pieces.hpp"
#include "testing/memory_repository.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

constexpr std::uint64_t kSystem = 77, kStart = 0x5000000;
constexpr std::uint32_t kSegment = 1 << 20;
const WalName kName{WalKind::segment, kSystem, 1, kStart, kStart + kSegment};

/// Does something behind every listing: what was listed is no longer what is there.
class BusyStorage final : public Storage {
 public:
  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return inner_->put(ctx, key, bytes, options);
  }
  Result<void> remove(const Context& ctx, std::string_view key) override { return inner_->remove(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    DRKIT_TRY(inner_->list(ctx, prefix, visit));
    if (after_list) after_list();
    return {};
  }
  std::function<void()> after_list;

 private:
  StoragePtr inner_ = make_memory_storage();
};

Repository make(const StoragePtr& storage) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto made = Repository::create({}, storage, std::move(options));
  REQUIRE_MESSAGE(made.ok(), testing::words(made));
  return std::move(*made);
}

struct Fixture {
  std::shared_ptr<BusyStorage> storage = std::make_shared<BusyStorage>();
  WalArchive archive{make(storage)};
  testing::WalBuilder log{kSystem, 1, kStart, kSegment};

  Fixture() {
    while (log.bytes().size() < 300'000) log.add(10, 0, 1, Bytes(3000, std::byte{5}));
  }
  ByteView part(std::size_t from, std::size_t to) const { return ByteView(log.bytes()).subspan(from, to - from); }
  WalName piece(std::size_t from, std::size_t to) const {
    const WalName name{WalKind::piece, kSystem, 1, kStart + from, kStart + to};
    const auto stored = archive.put({}, name, part(from, to));
    CHECK_MESSAGE(stored.ok(), testing::words(stored));
    return name;
  }
  void partial(std::size_t to) const {
    Bytes bytes(part(0, to).begin(), part(0, to).end());
    bytes.resize(kSegment);
    REQUIRE(archive.put({}, {WalKind::partial, kSystem, 1, kStart, kStart + kSegment}, bytes).ok());
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "pieces that are merged again and again are read in the end") {
  std::size_t reached = 10'000;
  WalName last = piece(0, reached);
  int left = 5;
  storage->after_list = [&] {
    if (left-- <= 0) return;
    const WalName longer = piece(0, reached += 10'000);
    CHECK(archive.remove_piece({}, last).ok());
    last = longer;
  };
  const auto read = read_segment({}, archive, kName);
  REQUIRE_MESSAGE(read.ok(), testing::words(read));
  CHECK(read->end == kStart + reached);
}

TEST_CASE_FIXTURE(Fixture, "pieces that never hold still are not the end of the log") {
  std::size_t reached = 1000;
  WalName last = piece(0, reached);
  storage->after_list = [&] {
    const WalName longer = piece(0, reached += 1000);
    CHECK(archive.remove_piece({}, last).ok());
    last = longer;
  };
  CHECK(read_segment({}, archive, kName).error().code() == ErrorCode::unavailable);
  storage->after_list = nullptr;
  const WalName other{WalKind::segment, kSystem, 1, kStart + kSegment, kStart + 2 * kSegment};
  CHECK(read_segment({}, archive, other).error().code() == ErrorCode::not_found);
}

TEST_CASE_FIXTURE(Fixture, "of pieces and a partial file the one that reaches further counts") {
  piece(0, 50'000);
  partial(200'000);
  const auto longer = read_segment({}, archive, kName);
  REQUIRE_MESSAGE(longer.ok(), testing::words(longer));
  CHECK(longer->end > kStart + 190'000);
  piece(50'000, 250'000);
  CHECK(read_segment({}, archive, kName)->end == kStart + 250'000);
}
