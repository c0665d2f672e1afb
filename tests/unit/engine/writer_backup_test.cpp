// Backups with a key that may only write: what did not change is taken over from what this machine remembers.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include <drkit/check.hpp>
#include <drkit/registry.hpp>

#include "crash/memory_tree.hpp"
#include "crash/warning_log.hpp"
#include "repo/layout.hpp"
#include "testing/writer_place.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

Snapshot back_up(const WriterPlace& place, const MemoryTree& tree, const Context& ctx = Context(),
                 const std::string& parent = "auto") {
  Repository writer = place.open_writer();
  REQUIRE(writer.role() == KeyRole::write);
  MemorySource source(tree);
  BackupOptions options;
  options.host = "host";
  options.parent = parent;
  const auto snapshot = backup(ctx, writer, source, options);
  REQUIRE_MESSAGE(snapshot.ok(), (snapshot.ok() ? "" : snapshot.error().to_string()));
  return *snapshot;
}

void must_come_back(const WriterPlace& place, const Snapshot& snapshot, const MemoryTree& tree) {
  const Repository full = place.open_full();
  const auto found = full.find_snapshot(Context(), snapshot.id);
  REQUIRE(found.ok());
  const auto restored = restore_tree(Context(), full, *found);
  REQUIRE_MESSAGE(restored.ok(), (restored.ok() ? "" : restored.error().to_string()));
  CHECK(*restored == tree);
}

void must_be(const WriterPlace& place, const Snapshot& snapshot, const MemoryTree& tree) {
  must_come_back(place, snapshot, tree);
  const Repository full = place.open_full();
  const auto found = full.find_snapshot(Context(), snapshot.id);
  REQUIRE(found.ok());
  CheckOptions options;
  options.level = CheckLevel::files;
  const auto report = check(Context(), full, &*found, builtin_checks(), options);
  REQUIRE(report.ok());
  CHECK(report->findings.empty());
}

/// Many small files and a few large ones.
MemoryTree some_tree(std::uint64_t seed) {
  MemoryTree tree = random_tree(seed, 3, 400'000);
  for (const auto& [path, bytes] : random_tree(seed + 1, 900, 60)) tree["many/" + path] = bytes;
  return tree;
}

}  // namespace

TEST_CASE("a writer takes over what did not change, night after night") {
  WriterPlace place;
  MemoryTree tree = some_tree(1);
  std::vector<std::pair<Snapshot, MemoryTree>> all;
  for (int night = 0; night < 4; ++night) {
    CAPTURE(night);
    if (night > 0) tree["file-1"] = SeededRandom(1000 + static_cast<std::uint64_t>(night)).bytes(500'000);
    all.emplace_back(back_up(place, tree), tree);
    const BackupStats& stats = all.back().first.stats;
    CHECK(stats.files == 903);
    CHECK(stats.files_unchanged == (night == 0 ? 0 : 902));
    CHECK((night == 0 || stats.bytes_read == 500'000));
    CHECK((night == 0 || stats.bytes_new == 500'000));
  }
  for (const auto& [snapshot, then] : all) must_be(place, snapshot, then);
  // A full key goes on from where the writer was.
  Repository full = place.open_full();
  CHECK(backup_tree(Context(), full, tree)->stats.files_unchanged == 903);
}

TEST_CASE("without its memory a writer reads everything, stores nothing twice, and remembers again") {
  WriterPlace place;
  const MemoryTree tree = some_tree(2);
  back_up(place, tree);
  std::filesystem::remove_all(place.cache);
  const Snapshot second = back_up(place, tree);
  CHECK(second.stats.files_unchanged == 0);
  CHECK(second.stats.bytes_new == 0);
  must_be(place, second, tree);
  CHECK(back_up(place, tree).stats.files_unchanged == 903);
  place.cache.clear();
  CHECK(back_up(place, tree).stats.files_unchanged == 0);
}

TEST_CASE("a memory whose snapshot is not there is not used") {
  WriterPlace place;
  const MemoryTree tree = some_tree(3);
  const Snapshot first = back_up(place, tree);
  const std::string key = std::string(repo::kSnapshotPrefix) + first.id;
  SUBCASE("forgotten") { REQUIRE(place.open_full().forget(Context(), first.id).ok()); }
  SUBCASE("damaged") {
    Bytes object = *place.storage->get(Context(), key, {});
    object[object.size() / 2] ^= std::byte{1};
    REQUIRE(place.storage->put(Context(), key, object, {}).ok());
  }
  SUBCASE("lost") { REQUIRE(place.storage->remove(Context(), key).ok()); }
  WarningLog log;
  const Snapshot second = back_up(place, tree, log.context());
  CHECK(second.stats.files_unchanged == 0);
  CHECK(log.names("remembers is not there"));
  must_be(place, second, tree);
  CHECK(back_up(place, tree).stats.files_unchanged == 903);
}

TEST_CASE("an older memory is an older parent") {
  WriterPlace place;
  MemoryTree tree = some_tree(4);
  back_up(place, tree);
  const std::string kept = place.dir / "kept";
  std::filesystem::copy(place.cache, kept, std::filesystem::copy_options::recursive);
  tree["file-0"] = SeededRandom(8).bytes(1000);
  back_up(place, tree);
  tree["file-2"] = SeededRandom(9).bytes(1000);
  const std::string now = std::exchange(place.cache, kept);
  const Snapshot third = back_up(place, tree);
  CHECK(third.stats.files_unchanged == 901);
  CHECK(third.stats.bytes_new == 1000);
  must_be(place, third, tree);
  // The other one is of the second: as good.
  place.cache = now;
  const Snapshot fourth = back_up(place, tree);
  CHECK(fourth.stats.files_unchanged == 902);
  must_be(place, fourth, tree);
}

TEST_CASE("what is gone from the storage is read and stored again") {
  WriterPlace place;
  const MemoryTree tree = some_tree(5);
  back_up(place, tree);
  for (const auto& [key, bytes] : objects_of(*place.storage)) {
    if (key.starts_with(repo::kDataPrefix)) REQUIRE(place.storage->remove(Context(), key).ok());
  }
  const Snapshot second = back_up(place, tree);
  CHECK(second.stats.files_unchanged == 0);
  must_come_back(place, second, tree);
}

TEST_CASE("a damaged memory costs reading and nothing else") {
  WriterPlace place;
  const MemoryTree tree = some_tree(6);
  back_up(place, tree);
  std::string file;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place.cache)) {
    if (entry.path().parent_path().filename() == "writer") file = entry.path().string();
  }
  REQUIRE_FALSE(file.empty());
  const auto size = std::filesystem::file_size(file);
  std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
  damaged.seekp(100);
  damaged.write("broken", 6);
  damaged.close();
  CHECK(std::filesystem::file_size(file) == size);
  WarningLog log;
  const Snapshot second = back_up(place, tree, log.context());
  CHECK(second.stats.files_unchanged < 903);
  CHECK(second.stats.bytes_new == 0);
  CHECK(log.names("memory"));
  must_be(place, second, tree);
  CHECK(back_up(place, tree).stats.files_unchanged == 903);
}

TEST_CASE("a writer's choice of parent") {
  WriterPlace place;
  const MemoryTree tree = some_tree(7);
  const Snapshot first = back_up(place, tree);
  const Snapshot second = back_up(place, tree, Context(), first.id.substr(0, 12));
  CHECK(second.stats.files_unchanged == 903);
  WarningLog log;
  const Snapshot third = back_up(place, tree, log.context(), first.id);
  CHECK(third.stats.files_unchanged == 0);
  CHECK(log.names("remembers another snapshot"));
  CHECK(back_up(place, tree, Context(), "none").stats.files_unchanged == 0);
  Repository writer = place.open_writer();
  MemorySource source(tree);
  BackupOptions options;
  options.parent = "0000000000000000";
  CHECK(backup(Context(), writer, source, options).error().code() == ErrorCode::not_found);
}

TEST_CASE("sources are remembered side by side") {
  WriterPlace place;
  const MemoryTree a = random_tree(1, 5, 3000);
  const MemoryTree b = random_tree(2, 7, 3000);
  for (int night = 0; night < 2; ++night) {
    Repository writer = place.open_writer();
    const auto of_a = backup_tree(Context(), writer, a, "a");
    const auto of_b = backup_tree(Context(), writer, b, "b");
    REQUIRE((of_a.ok() && of_b.ok()));
    CHECK(of_a->stats.files_unchanged == (night == 0 ? 0 : 5));
    CHECK(of_b->stats.files_unchanged == (night == 0 ? 0 : 7));
  }
}

namespace {

constexpr std::uint64_t kIslands = 20'000;  // more extents than one node holds

/// A sparse file of tiny islands, and one that the source asks for by content.
class AskingSource final : public Source {
 public:
  class IslandStream final : public Stream {
   public:
    IslandStream() {
      entry_.path = "islands";
      entry_.mtime_ns = entry_.fingerprint.ctime_ns = 1'000'000'000;
      entry_.fingerprint.inode = 5;
      entry_.size_bytes = kIslands * 500;
    }
    const Entry& entry() const override { return entry_; }
    Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
      if (next_ == kIslands) return ReadResult{};
      const std::uint64_t value = next_++ * 0x9e3779b97f4a7c15ULL | 1;
      std::memcpy(buffer.data(), &value, sizeof value);
      return ReadResult{8, 492};
    }
    Result<void> close(const Context&) override { return {}; }

   private:
    Entry entry_;
    std::uint64_t next_ = 0;
  };

  explicit AskingSource(const MemoryTree& tree) : files_(tree) {}
  SourceInfo info() const override {
    SourceInfo info{"asking", "asking", false, true};
    info.asks_again = {"notes"};
    return info;
  }
  Result<void> begin(const Context&) override { return {}; }
  Result<void> compare_with(const Context&, const EarlierSnapshot& earlier) override {
    earlier_receipt = earlier.receipt;
    DRKIT_ASSIGN(notes, earlier.read("notes", 10'000'000));
    DRKIT_ASSIGN(small, earlier.read("notes", 10));
    const auto other = earlier.read("other", 10'000'000);
    other_readable = other.ok() && other.value().has_value();
    return {};
  }
  Result<std::unique_ptr<Stream>> next(const Context& ctx) override {
    if (!std::exchange(given_, true)) return std::unique_ptr<Stream>(std::make_unique<IslandStream>());
    return files_.next(ctx);
  }
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{{"said", "so"}}; }

  std::optional<Bytes> notes;
  std::optional<Bytes> small;
  bool other_readable = false;
  SourceReceipt earlier_receipt;

 private:
  MemorySource files_;
  bool given_ = false;
};

}  // namespace

TEST_CASE("files of very many pieces, and those that a source asks for, are remembered for ever") {
  WriterPlace place;
  MemoryTree tree;
  tree["notes"] = SeededRandom(4).bytes(3'000'000);
  tree["other"] = SeededRandom(5).bytes(1000);
  for (int night = 0; night < 4; ++night) {
    CAPTURE(night);
    Repository writer = place.open_writer();
    AskingSource source(tree);
    const auto snapshot = backup(Context(), writer, source);
    REQUIRE_MESSAGE(snapshot.ok(), (snapshot.ok() ? "" : snapshot.error().to_string()));
    CHECK(snapshot->stats.files_unchanged == (night == 0 ? 0 : 3));
    CHECK(source.notes.has_value() == (night > 0));
    if (night > 0) CHECK(*source.notes == tree["notes"]);
    CHECK_FALSE(source.small.has_value());
    CHECK_FALSE(source.other_readable);
    CHECK(source.earlier_receipt == (night > 0 ? SourceReceipt{{"said", "so"}} : SourceReceipt{}));
    const Repository full = place.open_full();
    const auto found = full.find_snapshot(Context(), snapshot->id);
    REQUIRE(found.ok());
    CheckOptions options;
    options.level = CheckLevel::files;
    const auto report = check(Context(), full, &*found, builtin_checks(), options);
    REQUIRE(report.ok());
    CHECK(report->findings.empty());
  }
}
