// Files of a source that keeps its own checksums: fixed pieces, hashed two at a time.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>
#include <drkit/storage.hpp>

using namespace drkit;

namespace {

constexpr std::size_t kPage = 8192;

/// One file of database pages, in reads as short as the test wants them; with a hole at hole_at.
class Pages final : public Stream {
 public:
  Pages(const Bytes& content, std::size_t most, std::size_t hole_at)
      : content_(content), most_(most), hole_at_(hole_at) {
    entry_.path = "pages";
    entry_.size_bytes = content.size();
  }
  const Entry& entry() const override { return entry_; }
  Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
    REQUIRE(buffer.size() >= 64 * 1024);
    if (at_ == hole_at_ && hole_at_ + kPage <= content_.size()) {
      at_ += kPage;
      return ReadResult{0, kPage};
    }
    std::size_t size = std::min({most_, buffer.size(), content_.size() - at_});
    if (at_ < hole_at_) size = std::min(size, hole_at_ - at_);
    std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(at_), size, buffer.begin());
    at_ += size;
    return ReadResult{size};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  Entry entry_;
  const Bytes& content_;
  std::size_t most_, hole_at_, at_ = 0;
};

class PageSource final : public Source {
 public:
  PageSource(const Bytes& content, bool digests, std::size_t most, std::size_t hole_at)
      : content_(content), digests_(digests), most_(most), hole_at_(hole_at) {}
  SourceInfo info() const override { return {"pages", "pages", true, false, false, false, digests_}; }
  Result<void> begin(const Context&) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context&) override {
    if (given_) return std::unique_ptr<Stream>();
    given_ = true;
    return std::unique_ptr<Stream>(std::make_unique<Pages>(content_, most_, hole_at_));
  }
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{}; }

 private:
  const Bytes& content_;
  bool digests_;
  std::size_t most_, hole_at_;
  bool given_ = false;
};

class BytesSink final : public Sink {
 public:
  explicit BytesSink(std::size_t size) : out(size) {}
  Result<void> write_at(const Context&, std::uint64_t offset, ByteView bytes) override {
    REQUIRE(offset + bytes.size() <= out.size());
    std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<void> close(const Context&) override { return {}; }
  Bytes out;
};

Bytes pages_of(std::size_t count, std::size_t hole_at) {
  std::mt19937 random(5);
  Bytes bytes(count * kPage);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  // What makes the first page one of PostgreSQL's: flags, lower, upper, special, size and version.
  const unsigned char header[] = {0, 0, 24, 0, 0, 32, 0, 32, 4, 32};
  for (std::size_t i = 0; i < sizeof header; ++i) bytes[10 + i] = static_cast<std::byte>(header[i]);
  if (hole_at < bytes.size()) std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(hole_at), kPage, std::byte{0});
  return bytes;
}

Repository new_repository(const Context& ctx) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto created = Repository::create(ctx, make_memory_storage(), std::move(options));
  REQUIRE(created.ok());
  return std::move(*created);
}

}  // namespace

TEST_CASE("pieces hashed in pairs are those of a file that is hashed whole") {
  constexpr std::size_t kNoHole = SIZE_MAX;
  for (const std::size_t count : {1UL, 128UL, 129UL, 256UL, 300UL, 640UL, 641UL}) {
    for (const std::size_t hole_at : {kNoHole, 130 * kPage, 200 * kPage}) {
      for (const std::size_t most : {std::size_t{1} << 20, std::size_t{1} << 16}) {
        CAPTURE(count);
        CAPTURE(hole_at);
        CAPTURE(most);
        const Bytes content = pages_of(count, hole_at);
        const Context ctx;
        Repository repository = new_repository(ctx);
        PageSource whole(content, true, most, hole_at), pairs(content, false, most, hole_at);
        const auto first = backup(ctx, repository, whole);
        REQUIRE_MESSAGE(first.ok(), first.error().to_string());
        const auto second = backup(ctx, repository, pairs);
        REQUIRE_MESSAGE(second.ok(), second.error().to_string());
        CHECK(second->stats.chunks == first->stats.chunks);
        CHECK(second->stats.chunks_new == 0);
        CHECK(second->stats.bytes_read == first->stats.bytes_read);
        BytesSink sink(content.size());
        const auto done = read_entry(ctx, repository, *second, "pages", sink);
        REQUIRE_MESSAGE(done.ok(), done.error().to_string());
        CHECK(sink.out == content);
      }
    }
  }
}
