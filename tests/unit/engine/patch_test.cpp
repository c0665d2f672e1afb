#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>
#include <drkit/storage.hpp>

#include "testing/memory_repository.hpp"

using namespace drkit;
using drkit::testing::BytesSink;
using drkit::testing::new_repository;

namespace {

constexpr std::size_t kPage = 8192;

/// Gives only what differs from the version before, page by page.
class PatchStream final : public Stream {
 public:
  PatchStream(const Bytes& now, const Bytes& before, Reuse reuse) : now_(now), before_(before), reuse_(reuse) {
    entry_.path = "file";
    entry_.size_bytes = now.size();
  }
  const Entry& entry() const override { return entry_; }
  Reuse compare(const Entry&) override { return parts_ = true, reuse_; }
  void forget_earlier() override { parts_ = false; }
  Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
    const std::size_t size = std::min({kPage, now_.size() - at_, buffer.size()});
    const std::size_t begin = at_;
    at_ += size;
    const ByteView page = ByteView(now_).subspan(begin, size);
    if (std::all_of(page.begin(), page.end(), [](std::byte b) { return b == std::byte{0}; })) return {{0, size}};
    const bool same = parts_ && reuse_ == Reuse::parts && begin + size <= before_.size() &&
                      std::equal(page.begin(), page.end(), before_.begin() + static_cast<std::ptrdiff_t>(begin));
    if (same) return {{0, 0, size}};
    std::copy(page.begin(), page.end(), buffer.begin());
    return {{size}};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  Entry entry_;
  const Bytes &now_, &before_;
  Reuse reuse_;
  bool parts_ = false;
  std::size_t at_ = 0;
};

class PatchSource final : public Source {
 public:
  PatchSource(const Bytes& now, const Bytes& before, Reuse reuse) : now_(now), before_(before), reuse_(reuse) {}
  SourceInfo info() const override { return {"patch", "patch", false, false, true}; }
  Result<void> begin(const Context&) override { return {}; }
  Result<void> compare_with(const Context& ctx, const EarlierSnapshot& earlier) override {
    CHECK(earlier.receipt.at("size") == std::to_string(before_.size()));
    const auto file = earlier.read("file", UINT64_MAX);
    REQUIRE(file.ok());
    REQUIRE(file->has_value());
    CHECK(**file == before_);
    const auto larger = earlier.read("file", before_.size() - 1);
    CHECK((larger.ok() && !larger->has_value()));
    const auto none = earlier.read("none", 10);
    CHECK((none.ok() && !none->has_value()));
    compared_ = true;
    return ctx.check_cancelled();
  }
  Result<std::unique_ptr<Stream>> next(const Context&) override {
    if (given_) return std::unique_ptr<Stream>();
    given_ = true;
    return std::unique_ptr<Stream>(std::make_unique<PatchStream>(now_, before_, reuse_));
  }
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{{"size", std::to_string(now_.size())}}; }
  bool compared() const { return compared_; }

 private:
  const Bytes &now_, &before_;
  Reuse reuse_;
  bool given_ = false, compared_ = false;
};

void fill_page(std::mt19937& random, Bytes& bytes, std::size_t page) {
  const std::size_t end = std::min(bytes.size(), (page + 1) * kPage);
  for (std::size_t i = page * kPage; i < end; ++i) bytes[i] = static_cast<std::byte>(random());
}

Bytes content_of(const Context& ctx, Repository& repository, const Snapshot& snapshot) {
  BytesSink sink;
  const auto done = read_entry(ctx, repository, snapshot, "file", sink);
  REQUIRE_MESSAGE(done.ok(), done.error().to_string());
  return std::move(sink.out);
}

}  // namespace

TEST_CASE("a file patched again and again is whole in every snapshot, and only changes are stored") {
  const Context ctx;
  Repository repository = new_repository(ctx);
  std::mt19937 random(7);
  Bytes now(600 * kPage + 100);
  for (std::size_t page = 0; page <= 600; ++page) fill_page(random, now, page);
  Bytes before;
  std::vector<std::pair<Snapshot, Bytes>> all;
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    PatchSource source(now, before, Reuse::parts);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
    CHECK(source.compared() == (round > 0));
    if (round > 0) CHECK(snapshot->stats.bytes_new < 70 * kPage);
    CHECK(snapshot->stats.bytes == now.size());
    all.emplace_back(*snapshot, now);
    before = now;
    for (int change = 0; change < 15; ++change) fill_page(random, now, random() % (now.size() / kPage));
    if (round % 3 == 0) now.resize(now.size() - 20 * kPage);
    if (round % 3 == 1) {
      const std::size_t first = now.size() / kPage;
      now.resize(now.size() + 30 * kPage);
      for (std::size_t page = first; page * kPage < now.size(); ++page) fill_page(random, now, page);
    }
    if (round % 4 == 2) std::fill_n(now.begin() + 50 * kPage, 7 * kPage, std::byte{0});
  }
  for (const auto& [snapshot, content] : all) CHECK(content_of(ctx, repository, snapshot) == content);
}

TEST_CASE("a file in too many pieces is stored afresh, so that pieces stay bounded") {
  const Context ctx;
  Repository repository = new_repository(ctx);
  std::mt19937 random(8);
  Bytes now(512 * kPage);
  for (std::size_t page = 0; page < 512; ++page) fill_page(random, now, page);
  Bytes before;
  bool afresh = false;
  for (std::size_t round = 0; round < 10 && !afresh; ++round) {
    PatchSource source(now, before, Reuse::parts);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE(snapshot.ok());
    CHECK(content_of(ctx, repository, *snapshot) == now);
    afresh = round > 0 && snapshot->stats.bytes_read == now.size();
    before = now;
    // Every eighth page, another one each time.
    for (std::size_t page = round; page < 512; page += 8) fill_page(random, now, page);
  }
  CHECK(afresh);
}

TEST_CASE("a stream that is unchanged is not read, and one that lies about the earlier file is a defect") {
  const Context ctx;
  Repository repository = new_repository(ctx);
  std::mt19937 random(9);
  Bytes now(100 * kPage);
  for (std::size_t page = 0; page < 100; ++page) fill_page(random, now, page);
  const Bytes none;
  PatchSource first(now, none, Reuse::none);
  REQUIRE(backup(ctx, repository, first).ok());
  PatchSource second(now, now, Reuse::whole);
  const auto unchanged = backup(ctx, repository, second);
  REQUIRE(unchanged.ok());
  CHECK(unchanged->stats.files_unchanged == 1);
  CHECK(unchanged->stats.bytes_read == 0);
  CHECK(content_of(ctx, repository, *unchanged) == now);
}
