// Files whose writer stored what changed, referred to older chunks for the rest and could not know the SHA-256.
#include <doctest/doctest.h>

#include <drkit/check.hpp>
#include <drkit/restore.hpp>

#include "checks/file_digests/file_digests.hpp"
#include "crash/memory_tree.hpp"
#include "golden/incremental.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

class ByteSink final : public Sink {
 public:
  Result<void> write_at(const Context&, std::uint64_t offset, ByteView bytes) override {
    CHECK(offset == bytes_.size());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> close(const Context&) override { return {}; }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

Repository new_repository(const StoragePtr& storage) {
  auto repository = Repository::create(Context(), storage, cheap_password("pw"));
  REQUIRE(repository.ok());
  return std::move(*repository);
}

struct Subject {
  StoragePtr storage = make_memory_storage();
  Repository repository = new_repository(storage);
  MemoryTree tree = random_tree(1, 3, 3'000'000);
  Snapshot full = *backup_tree(Context(), repository, tree);

  Snapshot change(const std::string& path, std::uint64_t offset, const std::string& bytes) {
    const auto made = golden::commit_incremental(Context(), repository, full, {path, offset, bytes}, full);
    REQUIRE_MESSAGE(made.ok(), made.error().to_string());
    std::ranges::copy(as_bytes(bytes), tree[path].begin() + static_cast<std::ptrdiff_t>(offset));
    return *made;
  }
  std::vector<std::string> differences(const Snapshot& a, const Snapshot& b) {
    std::vector<std::string> paths;
    REQUIRE(diff(Context(), repository, a, b, [&](Change, const Entry& entry) {
              paths.push_back(entry.path);
              return true;
            }).ok());
    return paths;
  }
};

}  // namespace

TEST_CASE("an incremental snapshot stores what changed, reads nothing, and comes back whole") {
  for (const std::uint64_t offset : {0U, 8192U, 1'000'001U, 2'999'980U}) {
    CAPTURE(offset);
    Subject subject;
    const std::size_t before = objects_of(*subject.storage).size();
    const Snapshot next = subject.change("file-1", offset, std::string(offset > 2'999'000 ? 11 : 500'000, 'n'));
    CHECK(objects_of(*subject.storage).size() == before + 4);  // data, meta, index, snapshot
    const auto restored = restore_tree(Context(), subject.repository, next);
    REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
    CHECK(*restored == subject.tree);
    ByteSink sink;
    REQUIRE(read_entry(Context(), subject.repository, next, "file-1", sink).ok());
    CHECK(sink.bytes() == subject.tree["file-1"]);
    CHECK(subject.differences(subject.full, next) == std::vector<std::string>{"file-1"});
    std::vector<std::unique_ptr<Check>> checks;
    checks.push_back(checks::make_file_digests_check());
    CheckOptions options;
    options.level = CheckLevel::files;
    const auto report = check(Context(), subject.repository, nullptr, checks, options);
    REQUIRE(report.ok());
    CHECK(report->findings.empty());
  }
}

TEST_CASE("two files without a digest differ when their pieces do") {
  Subject subject;
  const Snapshot a = subject.change("file-0", 5, "one");
  const Snapshot b = subject.change("file-0", 5, "two");
  CHECK(subject.differences(a, b) == std::vector<std::string>{"file-0"});
  CHECK(subject.differences(a, a).empty());
}

TEST_CASE("a wrong digest is refused by who reads a file from its beginning to its end") {
  const Context ctx;
  Subject subject;
  const auto impl = subject.repository.impl();
  const auto chunks = repo::ChunkWriter::open(ctx, impl, 1);
  REQUIRE(chunks.ok());
  repo::ManifestWriter manifest(**chunks);
  const auto reader = engine::SnapshotReader::open(Context(), subject.repository, subject.full);
  REQUIRE(reader.ok());
  repo::ManifestReader records = reader->manifest();
  auto record = records.next(Context());
  REQUIRE(record.ok());
  REQUIRE(record->has_value());
  (*record)->entry.sha256[0] ^= std::byte{1};
  REQUIRE(manifest.add(**record).ok());
  const auto root = manifest.finish();
  REQUIRE(root.ok());
  REQUIRE((*chunks)->flush().ok());
  const auto lease = repo::open_lease(Context(), *impl, "host");
  REQUIRE(lease.ok());
  format::SnapshotPrivate private_part;
  private_part.manifest_root = root->node;
  private_part.manifest_level = root->level;
  REQUIRE(
      repo::commit_snapshot(Context(), *impl, *lease, (*chunks)->content_key(), {false, subject.full, {}}, private_part)
          .ok());
  const auto wrong = subject.repository.find_snapshot(Context(), base::to_hex(lease->id));
  REQUIRE(wrong.ok());
  ByteSink sink;
  const auto read = read_entry(Context(), subject.repository, *wrong, "file-0", sink);
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().code() == ErrorCode::corrupt);
}

TEST_CASE("a source whose name is no UTF-8 finds its parent") {
  const StoragePtr storage = make_memory_storage();
  Repository repository = new_repository(storage);
  const MemoryTree tree = random_tree(3, 4, 1000);
  const std::string name = "/srv/caf\xe9";
  BackupOptions options;
  options.host = "h\xf6st";
  options.tags = {{"k\xff", "v\xfe"}};
  for (int i = 0; i < 2; ++i) {
    MemorySource source(tree, name);
    const auto snapshot = backup(Context(), repository, source, options);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
    CHECK(snapshot->stats.files_unchanged == (i == 0 ? 0 : 4));
  }
  SnapshotFilter filter;
  filter.source = name;
  filter.tags = options.tags;
  const auto listed = repository.snapshots(Context(), filter);
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == 2);
  CHECK(listed->front().host == options.host);
  CHECK(repository.find_snapshot(Context(), "latest:" + name).ok());
}

TEST_CASE("a node's id is no piece of a file, and the other way round") {
  const Context ctx;
  const StoragePtr storage = make_memory_storage();
  Repository repository = new_repository(storage);
  const auto chunks = repo::ChunkWriter::open(ctx, repository.impl(), 1);
  REQUIRE(chunks.ok());
  const ByteView bytes = as_bytes("the same bytes");
  const auto data = (*chunks)->id_of(format::PackType::data, crypto::sha256(bytes));
  const auto meta = (*chunks)->id_of(format::PackType::meta, crypto::sha256(bytes));
  CHECK(data != meta);
  REQUIRE((*chunks)->add(format::PackType::data, data, bytes).ok());
  REQUIRE((*chunks)->add(format::PackType::meta, meta, bytes).ok());
  REQUIRE((*chunks)->flush().ok());
  const auto reader = repo::ChunkReader::open(Context(), repository.impl());
  REQUIRE(reader.ok());
  CHECK((*reader)->read(Context(), format::PackType::data, data).ok());
  CHECK((*reader)->read(Context(), format::PackType::meta, meta).ok());
  CHECK_FALSE((*reader)->read(Context(), format::PackType::data, meta).ok());
  CHECK_FALSE((*reader)->read(Context(), format::PackType::meta, data).ok());
  CHECK_FALSE((*reader)->locate(Context(), meta).ok());
}
