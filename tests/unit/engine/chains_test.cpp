// Snapshots never form chains: any may go, in any order, and the others are what they were.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
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

/// How the versions of the file come: page by page against the version before, as a local backup of a cluster reads
/// them, or by name and with only the changes at hand, as a server streams them.
struct Manner {
  bool by_name = false;
};

class Changed final : public Stream {
 public:
  Changed(const Bytes& now, const Bytes& before) : now_(now), before_(before) {
    entry_.path = "base/5/1259";
    entry_.size_bytes = now.size();
  }
  const Entry& entry() const override { return entry_; }
  Reuse compare(const Entry& earlier) override {
    CHECK(earlier.size_bytes == before_.size());
    parts_ = true;
    return Reuse::parts;
  }
  void forget_earlier() override { parts_ = false; }
  Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
    const std::size_t size = std::min(kPage, now_.size() - at_), begin = at_;
    at_ += size;
    const ByteView page = ByteView(now_).subspan(begin, size);
    const bool same = parts_ && begin + size <= before_.size() &&
                      std::equal(page.begin(), page.end(), before_.begin() + static_cast<std::ptrdiff_t>(begin));
    if (same) return ReadResult{0, 0, size};
    std::copy(page.begin(), page.end(), buffer.begin());
    return ReadResult{size};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  Entry entry_;
  const Bytes &now_, &before_;
  bool parts_ = false;
  std::size_t at_ = 0;
};

class Versions final : public Source {
 public:
  Versions(const Bytes& now, const Bytes& before, Manner manner) : now_(now), before_(before), manner_(manner) {}
  SourceInfo info() const override { return {"versions", "versions", false, false, !manner_.by_name, manner_.by_name}; }
  Result<void> begin(const Context&) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context&) override {
    if (given_) return std::unique_ptr<Stream>();
    given_ = true;
    return std::unique_ptr<Stream>(std::make_unique<Changed>(now_, before_));
  }
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{}; }

 private:
  const Bytes &now_, &before_;
  Manner manner_;
  bool given_ = false;
};

struct Kept {
  Snapshot snapshot;
  Bytes content;
};

void change(std::mt19937& random, Bytes& bytes) {
  if (random() % 3 == 0) bytes.resize(bytes.size() - random() % 8 * kPage);
  if (random() % 3 == 0) bytes.resize(bytes.size() + random() % 8 * kPage, std::byte{7});
  for (int i = 0; i < 9; ++i) {
    const std::size_t page = random() % (bytes.size() / kPage);
    for (std::size_t at = page * kPage; at < (page + 1) * kPage; ++at) bytes[at] = static_cast<std::byte>(random());
  }
}

std::vector<Kept> make_versions(const Context& ctx, Repository& repository, Manner manner, std::size_t count,
                                std::mt19937& random) {
  std::vector<Kept> all;
  Bytes now(64 * kPage), before;
  for (auto& byte : now) byte = static_cast<std::byte>(random());
  for (std::size_t i = 0; i < count; ++i) {
    Versions source(now, before, manner);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
    // The way of parts was taken, or there is nothing that could form a chain.
    if (i > 0) CHECK(snapshot->stats.bytes_read < now.size() / 2);
    all.push_back({*snapshot, now});
    before = now;
    change(random, now);
  }
  return all;
}

void check_content(const Context& ctx, const Repository& repository, const Kept& kept) {
  BytesSink sink;
  const auto done = read_entry(ctx, repository, kept.snapshot, "base/5/1259", sink);
  REQUIRE_MESSAGE(done.ok(), done.error().to_string());
  CHECK(sink.out == kept.content);
}

}  // namespace

TEST_CASE("property: removed in every order, snapshots leave the others exact") {
  for (const bool by_name : {false, true}) {
    CAPTURE(by_name);
    std::vector<std::size_t> order(4);
    std::iota(order.begin(), order.end(), 0);
    std::mt19937 random(11);
    const Context ctx;
    do {
      Repository repository = new_repository(ctx);
      const std::vector<Kept> all = make_versions(ctx, repository, {by_name}, order.size(), random);
      for (std::size_t gone = 0; gone < order.size(); ++gone) {
        REQUIRE(repository.forget(ctx, all[order[gone]].snapshot.id).ok());
        for (std::size_t left = gone + 1; left < order.size(); ++left) check_content(ctx, repository, all[order[left]]);
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_CASE("property: backups go on after any removal, whichever snapshot is the parent then") {
  const Context ctx;
  std::mt19937 random(12);
  for (const bool by_name : {false, true}) {
    Repository repository = new_repository(ctx);
    Bytes now(64 * kPage, std::byte{1});
    std::vector<Kept> all;
    for (int round = 0; round < 30; ++round) {
      CAPTURE(round);
      const Bytes before = all.empty() ? Bytes() : all.back().content;
      change(random, now);
      Versions source(now, before, {by_name});
      const auto snapshot = backup(ctx, repository, source);
      REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
      all.push_back({*snapshot, now});
      while (all.size() > 1 && random() % 2 == 0) {
        const auto gone = all.begin() + static_cast<std::ptrdiff_t>(random() % all.size());
        REQUIRE(repository.forget(ctx, gone->snapshot.id).ok());
        all.erase(gone);
      }
      for (const Kept& kept : all) check_content(ctx, repository, kept);
    }
  }
}
