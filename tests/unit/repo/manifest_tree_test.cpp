// Manifests of many records: order, seeking, sharing of nodes, files of many extents, hostile nodes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include <drkit/spi/source.hpp>
#include <drkit/storage.hpp>

#include "crypto/sha256.hpp"
#include "repo/manifest_reader.hpp"
#include "repo/manifest_writer.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::repo;
using drkit::testing::SeededRandom;

namespace {

std::shared_ptr<Repository::Impl> new_repository() {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto repository = Repository::create(Context(), make_memory_storage(), std::move(options));
  REQUIRE(repository.ok());
  return repository->impl();
}

std::vector<format::Record> many_records(std::size_t count) {
  std::vector<format::Record> records;
  SeededRandom random(5);
  for (std::size_t i = 0; i < count; ++i) {
    format::Record record;
    record.entry.path =
        "dir-" + std::to_string(i / 700) + "/sub-" + std::to_string(i % 700 / 30) + "/file-" + std::to_string(i);
    record.entry.size_bytes = i + 1;
    record.entry.mtime_ns = static_cast<std::int64_t>(i) * 1'000'000;
    record.content.extents.resize(1);
    random.fill(record.content.extents[0].chunk);
    record.content.extents[0].length_bytes = static_cast<std::uint32_t>(i + 1);
    records.push_back(std::move(record));
  }
  std::sort(records.begin(), records.end(), [](const format::Record& a, const format::Record& b) {
    return entry_path_less(a.entry.path, b.entry.path);
  });
  return records;
}

struct Written {
  ManifestRoot root;
  std::uint64_t bytes_put = 0;
};

Written write(const std::shared_ptr<Repository::Impl>& impl, const std::vector<format::Record>& records) {
  const Context ctx;
  const auto chunks = ChunkWriter::open(ctx, impl, 0);
  REQUIRE(chunks.ok());
  ManifestWriter writer(**chunks);
  for (const format::Record& record : records) REQUIRE(writer.add(record).ok());
  const auto root = writer.finish();
  REQUIRE(root.ok());
  REQUIRE((*chunks)->flush().ok());
  return {*root, (*chunks)->bytes_stored()};
}

ManifestReader reader_of(const std::shared_ptr<Repository::Impl>& impl, const ManifestRoot& root) {
  auto chunks = ChunkReader::open(Context(), impl);
  REQUIRE(chunks.ok());
  return {*chunks, root};
}

}  // namespace

TEST_CASE("50 000 records come back in order, and every seek finds the first record not before its path") {
  const Context ctx;
  const auto impl = new_repository();
  const std::vector<format::Record> records = many_records(50'000);
  const ManifestRoot root = write(impl, records).root;
  CHECK(root.level >= 1);
  ManifestReader all = reader_of(impl, root);
  for (const format::Record& expected : records) {
    const auto record = all.next(ctx);
    REQUIRE(record.ok());
    REQUIRE(record->has_value());
    REQUIRE(**record == expected);
  }
  CHECK_FALSE(all.next(ctx)->has_value());
  CHECK_FALSE(all.next(ctx)->has_value());
  const auto index_of = [&](const std::string& path) {
    return std::lower_bound(
               records.begin(), records.end(), path,
               [](const format::Record& r, const std::string& p) { return entry_path_less(r.entry.path, p); }) -
           records.begin();
  };
  SeededRandom random(1);
  std::vector<std::string> places = {"",       "a",         "dir-", "dir-0", "dir-1/sub-3", "dir-1/sub-3/",
                                     "dir-71", "dir-9/zzz", "zzz",  "\xff"};
  for (int i = 0; i < 60; ++i) {
    const std::string path = records[static_cast<std::size_t>(random.below(records.size()))].entry.path;
    places.push_back(path);
    places.push_back(path + "0");
    places.push_back(path.substr(0, path.size() - 1));
    places.push_back(path.substr(0, path.rfind('/')));
  }
  for (const std::string& place : places) {
    CAPTURE(place);
    ManifestReader reader = reader_of(impl, root);
    REQUIRE(reader.seek(ctx, place).ok());
    for (auto i = index_of(place), end = std::min<std::ptrdiff_t>(i + 3, 50'000); i < end; ++i) {
      const auto record = reader.next(ctx);
      REQUIRE(record.ok());
      REQUIRE(record->has_value());
      REQUIRE((*record)->entry.path == records[static_cast<std::size_t>(i)].entry.path);
    }
    if (index_of(place) == 50'000) CHECK_FALSE(reader.next(ctx)->has_value());
  }
  std::sort(places.begin(), places.end(), entry_path_less);
  ManifestReader forward = reader_of(impl, root);
  for (const std::string& place : places) {
    CAPTURE(place);
    REQUIRE(forward.seek(ctx, place).ok());
    if (index_of(place) == 50'000) break;
    ManifestReader fresh = reader_of(impl, root);
    REQUIRE(fresh.seek(ctx, place).ok());
    CHECK((*fresh.next(ctx))->entry.path == records[static_cast<std::size_t>(index_of(place))].entry.path);
  }
}

TEST_CASE("a small edit of a large manifest stores a few nodes") {
  const auto impl = new_repository();
  std::vector<format::Record> records = many_records(50'000);
  const std::uint64_t whole = write(impl, records).bytes_put;
  SUBCASE("nothing changed") { CHECK(write(impl, records).bytes_put == 0); }
  SUBCASE("one record changed") {
    records[25'000].entry.mtime_ns = 7;
    CHECK(write(impl, records).bytes_put < whole / 20);
  }
  SUBCASE("one record removed, one added") {
    records.erase(records.begin() + 10'000);
    format::Record added = records[40'000];
    added.entry.path += "x";
    records.insert(records.begin() + 40'001, added);
    CHECK(write(impl, records).bytes_put < whole / 10);
  }
}

TEST_CASE("records out of order or named twice are refused") {
  const Context ctx;
  const auto chunks = ChunkWriter::open(ctx, new_repository(), 0);
  REQUIRE(chunks.ok());
  ManifestWriter writer(**chunks);
  format::Record record;
  record.entry.path = "b";
  REQUIRE(writer.add(record).ok());
  CHECK(writer.add(record).error().code() == ErrorCode::internal);
  record.entry.path = "a";
  CHECK(writer.add(record).error().code() == ErrorCode::internal);
}

TEST_CASE("an empty manifest has a root that reads as nothing") {
  const Context ctx;
  const auto impl = new_repository();
  ManifestReader reader = reader_of(impl, write(impl, {}).root);
  REQUIRE(reader.seek(ctx, "anything").ok());
  CHECK_FALSE(reader.next(ctx)->has_value());
}

TEST_CASE("extents in nodes are visited like those in the record, and must fit the file") {
  const Context ctx;
  const auto impl = new_repository();
  const auto chunks = ChunkWriter::open(ctx, impl, 0);
  REQUIRE(chunks.ok());
  ManifestWriter writer(**chunks);
  format::Record record;
  record.entry.path = "big";
  std::vector<std::pair<std::uint64_t, format::Extent>> expected;
  SeededRandom random(3);
  std::uint64_t size = 0;
  for (int node = 0; node < 5; ++node) {
    std::vector<format::Extent> extents(100);
    format::ExtentNodeRef ref;
    for (format::Extent& extent : extents) {
      random.fill(extent.chunk);
      extent.gap_bytes = random.below(3) == 0 ? std::uint64_t{5} << 32 : 0;
      extent.length_bytes = 1 + static_cast<std::uint32_t>(random.below(1000));
      size += extent.gap_bytes;
      expected.emplace_back(size, extent);
      size += extent.length_bytes;
      ref.bytes += extent.gap_bytes + extent.length_bytes;
    }
    ref.extents = extents.size();
    const auto id = writer.store_extents(extents);
    REQUIRE(id.ok());
    ref.node = *id;
    record.content.nodes.push_back(ref);
  }
  record.entry.size_bytes = size + 77;
  REQUIRE((*chunks)->flush().ok());
  const auto reader = ChunkReader::open(ctx, impl);
  REQUIRE(reader.ok());
  std::size_t i = 0;
  const auto compare = [&](std::uint64_t offset, const format::Extent& extent) -> Result<void> {
    CHECK(offset == expected[i].first);
    CHECK(extent == expected[i].second);
    ++i;
    return {};
  };
  REQUIRE(visit_extents(ctx, **reader, record, compare).ok());
  CHECK(i == expected.size());
  record.entry.size_bytes = size - 1;
  i = 0;
  CHECK(visit_extents(ctx, **reader, record, compare).error().code() == ErrorCode::corrupt);
}

TEST_CASE("hostile nodes are damage, whatever they claim") {
  const Context ctx;
  const auto impl = new_repository();
  const auto chunks = ChunkWriter::open(ctx, impl, 0);
  REQUIRE(chunks.ok());
  const auto store = [&](ByteView node) {
    const auto id = (*chunks)->id_of(format::PackType::meta, crypto::sha256(node));
    REQUIRE((*chunks)->add(format::PackType::meta, id, node).ok());
    return id;
  };
  const auto leaf_of = [&](const std::vector<std::string>& paths) {
    base::ByteWriter out;
    format::begin_leaf(out);
    std::string previous;
    for (const std::string& path : paths) {
      format::Record record;
      record.entry.path = path;
      format::encode_record(out, record, previous);
      previous = path;
    }
    return store(out.view());
  };
  const format::ChunkId good = leaf_of({"m"});
  format::ChunkId absent{};
  std::vector<ManifestRoot> roots = {
      {leaf_of({"../outside"}), 0},
      {leaf_of({"/absolute"}), 0},
      {leaf_of({"a//b"}), 0},
      {leaf_of({"b", "a"}), 0},
      {leaf_of({"a", "a"}), 0},
      {good, 1},
      {store(format::encode_inner(1, {{good, 1, "m"}})), 0},
      {store(format::encode_inner(1, {{good, 1, "m"}})), 2},
      {store(format::encode_inner(1, {{good, 1, "m"}, {good, 1, "n"}})), 1},
      {store(format::encode_inner(1, {{absent, 1, "m"}})), 1},
      {store(format::encode_inner(2, {{good, 1, "m"}})), 2},
      {store(format::encode_extents({})), 0},
      {store(as_bytes("")), 0},
      {absent, 0},
  };
  SeededRandom random(9);
  for (int i = 0; i < 200; ++i) {
    Bytes node = random.bytes(static_cast<std::size_t>(1 + random.below(60)));
    node[0] = static_cast<std::byte>(1 + i % 3);
    const format::ChunkId id = store(node);
    roots.push_back({id, 0});
    roots.push_back({id, 1});
  }
  REQUIRE((*chunks)->flush().ok());
  unsigned refused = 0;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    CAPTURE(i);
    ManifestReader reader = reader_of(impl, roots[i]);
    while (true) {
      const auto record = reader.next(ctx);
      if (!record) {
        CHECK(record.error().code() == ErrorCode::corrupt);
        ++refused;
        break;
      }
      if (!*record) break;
      CHECK(format::clean_path((*record)->entry.path));
    }
    if (i < 14) CHECK(refused == i + 1);
  }
}
