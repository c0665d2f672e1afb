// What a machine that may only write remembers: it comes back as it was, or it counts as none.
#include "repo/writer_memory.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "crash/warning_log.hpp"
#include "testing/seeded_random.hpp"
#include "testing/writer_place.hpp"

using namespace drkit;
using namespace drkit::repo;
using namespace drkit::testing;
namespace fs = std::filesystem;

namespace {

const CheckpointOwner kOwner{"memory", "tree", "host"};

RememberedSnapshot some_snapshot() {
  RememberedSnapshot snapshot;
  snapshot.id = "0123456789abcdef0123456789abcdef";
  snapshot.object_digest[3] = std::byte{7};
  snapshot.manifest.node[1] = std::byte{9};
  snapshot.manifest.level = 2;
  snapshot.receipt = {{"files", "12"}, {"odd", std::string("\0\xff", 2)}};
  snapshot.problems.push_back({"some/file", ErrorCode::io, "cannot be read"});
  return snapshot;
}

crypto::ChunkId id_of(const Repository::Impl& impl, format::PackType type, ByteView plain) {
  return crypto::chunk_id(impl.keys.id_key, static_cast<std::uint8_t>(type), crypto::sha256(plain));
}

/// A memory of two nodes.
struct Remembered {
  WriterPlace place;
  Repository writer = place.open_writer();
  const Repository::Impl& impl = *writer.impl();
  Bytes one = SeededRandom(1).bytes(40'000);
  Bytes two = SeededRandom(2).bytes(300);
  crypto::ChunkId first = id_of(impl, format::PackType::meta, one);
  crypto::ChunkId second = id_of(impl, format::PackType::data, two);
  RememberedSnapshot snapshot = some_snapshot();
  std::string path = MemorySeal(impl, kOwner).path();

  Remembered() {
    const auto draft = MemoryDraft::begin(Context(), impl, kOwner);
    REQUIRE(draft);
    draft->keep(first, one);
    draft->keep(second, two);
    draft->keep(first, one);
    draft->finish(snapshot);
  }
  std::shared_ptr<WriterMemory> recall(const Context& ctx = Context()) const {
    return WriterMemory::open(ctx, impl, kOwner);
  }
};

Bytes file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  return Bytes(as_bytes(text).begin(), as_bytes(text).end());
}

void write_bytes(const std::string& path, ByteView bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << as_text(bytes);
}

}  // namespace

TEST_CASE("a memory comes back as it was") {
  Remembered made;
  const auto memory = made.recall();
  REQUIRE(memory);
  CHECK(memory->snapshot().id == made.snapshot.id);
  CHECK(memory->snapshot().object_digest == made.snapshot.object_digest);
  CHECK(memory->snapshot().manifest.node == made.snapshot.manifest.node);
  CHECK(memory->snapshot().manifest.level == 2);
  CHECK(memory->snapshot().receipt == made.snapshot.receipt);
  CHECK(memory->snapshot().problems == made.snapshot.problems);
  const Context ctx;
  CHECK(memory->read(ctx, format::PackType::meta, made.first).value() == made.one);
  CHECK(memory->read(ctx, format::PackType::data, made.second).value() == made.two);
  // Of another kind, or not there.
  CHECK(memory->read(ctx, format::PackType::meta, made.second).error().code() == ErrorCode::corrupt);
  CHECK(memory->read(ctx, format::PackType::meta, crypto::ChunkId{}).error().code() == ErrorCode::corrupt);
  CHECK(fs::file_size(made.path) < 41'500);  // what is kept twice is there once
  CHECK((fs::status(made.path).permissions() & fs::perms(0077)) == fs::perms::none);
}

TEST_CASE("a memory shows nothing to who has no key") {
  Remembered made;
  const std::string text(as_text(file_bytes(made.path)));
  for (const std::string_view secret : {"some/file", "cannot be read", "files", "0123456789abcdef"}) {
    CHECK(text.find(secret) == std::string::npos);
  }
  CHECK(text.find(as_text(ByteView(made.one).first(64))) == std::string::npos);
  CHECK(text.find(as_text(ByteView(made.first))) == std::string::npos);
  CHECK(made.path.find("tree") == std::string::npos);
  CHECK(made.path.find("host") == std::string::npos);
}

TEST_CASE("full keys and machines without a cache directory remember nothing") {
  WriterPlace place;
  const Repository full = place.open_full();
  CHECK(MemoryDraft::begin(Context(), *full.impl(), kOwner) == nullptr);
  CHECK(WriterMemory::open(Context(), *full.impl(), kOwner) == nullptr);
  place.cache.clear();
  const Repository writer = place.open_writer();
  CHECK(MemoryDraft::begin(Context(), *writer.impl(), kOwner) == nullptr);
  CHECK(WriterMemory::open(Context(), *writer.impl(), kOwner) == nullptr);
}

TEST_CASE("of a damaged memory nothing is believed") {
  Remembered made;
  const Bytes good = file_bytes(made.path);
  unsigned none = 0;
  unsigned lost = 0;
  for (std::size_t at = 0; at < good.size(); at += at < 40'300 ? 1009 : 1) {
    CAPTURE(at);
    Bytes bad = good;
    bad[at] ^= std::byte{1};
    write_bytes(made.path, bad);
    const auto memory = made.recall();
    if (!memory) {
      ++none;
      continue;
    }
    const auto one = memory->read(Context(), format::PackType::meta, made.first);
    const auto two = memory->read(Context(), format::PackType::data, made.second);
    CHECK((one.ok() ? one.value() == made.one : one.error().code() == ErrorCode::corrupt));
    CHECK((two.ok() ? two.value() == made.two : two.error().code() == ErrorCode::corrupt));
    CHECK_FALSE((one.ok() && two.ok()));
    ++lost;
  }
  CHECK(none > 100);
  CHECK(lost > 40);
  for (const std::size_t size : {std::size_t{0}, std::size_t{19}, std::size_t{20}, good.size() / 2, good.size() - 1}) {
    write_bytes(made.path, ByteView(good).first(size));
    CHECK(made.recall() == nullptr);
  }
  WarningLog log;
  write_bytes(made.path, as_bytes("something else altogether"));
  CHECK(made.recall(log.context()) == nullptr);
  CHECK(log.names("memory"));
}

TEST_CASE("the memory of another source or repository is none") {
  Remembered made;
  CheckpointOwner other = kOwner;
  other.source_name = "another";
  const std::string place = MemorySeal(made.impl, other).path();
  CHECK(place != made.path);
  CHECK(WriterMemory::open(Context(), made.impl, other) == nullptr);
  fs::copy_file(made.path, place);
  CHECK(WriterMemory::open(Context(), made.impl, other) == nullptr);
  WriterPlace elsewhere;
  const Repository stranger = elsewhere.open_writer();
  const MemorySeal seal(*stranger.impl(), kOwner);
  REQUIRE(base::make_directories(seal.folder()).ok());
  fs::copy_file(made.path, seal.path());
  CHECK(WriterMemory::open(Context(), *stranger.impl(), kOwner) == nullptr);
}

TEST_CASE("a draft that is not finished leaves the memory as it was, and is in nobody's way") {
  Remembered made;
  const Bytes before = file_bytes(made.path);
  auto draft = MemoryDraft::begin(Context(), made.impl, kOwner);
  REQUIRE(draft);
  draft->keep(made.second, made.two);
  CHECK(fs::exists(made.path + ".new"));
  // Another one at the same time is refused, not mixed in.
  CHECK(MemoryDraft::begin(Context(), made.impl, kOwner) == nullptr);
  CHECK(fs::exists(made.path + ".new"));
  draft.reset();
  CHECK_FALSE(fs::exists(made.path + ".new"));
  CHECK(file_bytes(made.path) == before);
  // What a killed process left is written over.
  write_bytes(made.path + ".new", Bytes(100'000, std::byte{1}));
  draft = MemoryDraft::begin(Context(), made.impl, kOwner);
  REQUIRE(draft);
  draft->keep(made.second, made.two);
  draft->finish(made.snapshot);
  CHECK(fs::file_size(made.path) < 2000);
  CHECK_FALSE(fs::exists(made.path + ".new"));
  CHECK(made.recall()->read(Context(), format::PackType::data, made.second).value() == made.two);
}

TEST_CASE("a memory is read on while the next one takes its place") {
  Remembered made;
  const auto old = made.recall();
  auto draft = MemoryDraft::begin(Context(), made.impl, kOwner);
  REQUIRE(draft);
  format::Record record;
  record.content.nodes.push_back({made.first, 1, 1});
  record.content.extents.push_back({made.second, 0, 0, 300});
  draft->carry(*old, record, true);
  RememberedSnapshot next = made.snapshot;
  next.id[0] = 'f';
  draft->finish(next);
  CHECK(old->read(Context(), format::PackType::meta, made.first).value() == made.one);
  const auto now = made.recall();
  REQUIRE(now);
  CHECK(now->snapshot().id == next.id);
  CHECK(now->read(Context(), format::PackType::meta, made.first).value() == made.one);
  CHECK(now->read(Context(), format::PackType::data, made.second).value() == made.two);
}

TEST_CASE("a memory that grows too large is given up, and the old one stays") {
  Remembered made;
  WarningLog log;
  const Context ctx = log.context();
  const auto draft = MemoryDraft::begin(ctx, made.impl, kOwner, 40'000);
  REQUIRE(draft);
  draft->keep(made.second, made.two);
  CHECK(log.lines().empty());
  draft->keep(made.first, made.one);
  CHECK(log.names("larger than a machine remembers"));
  CHECK_FALSE(fs::exists(made.path + ".new"));
  RememberedSnapshot next = made.snapshot;
  next.id[0] = 'f';
  draft->keep(made.second, made.two);
  draft->finish(next);
  CHECK(log.lines().size() == 1);
  CHECK(made.recall()->snapshot().id == made.snapshot.id);
}

TEST_CASE("extents that name one chunk again and again take next to no place") {
  Remembered made;
  std::vector<format::Extent> pages(8192);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    pages[i] = {made.second, 0, static_cast<std::uint32_t>(16384 * (i % 64)), 8192};
  }
  const Bytes node = format::encode_extents(pages);
  CHECK(node.size() > 250'000);
  const crypto::ChunkId id = id_of(made.impl, format::PackType::meta, node);
  const auto draft = MemoryDraft::begin(Context(), made.impl, kOwner);
  REQUIRE(draft);
  draft->keep(id, node);
  draft->finish(made.snapshot);
  CHECK(fs::file_size(made.path) < 20'000);
  CHECK(made.recall()->read(Context(), format::PackType::meta, id).value() == node);
}

TEST_CASE("of too many memories the oldest go") {
  TempDir dir;
  const auto now = fs::file_time_type::clock::now();
  for (int i = 0; i < 5; ++i) {
    const std::string path = dir / std::to_string(i);
    write_bytes(path, Bytes(1000));
    fs::last_write_time(path, now - std::chrono::hours(i));
  }
  drop_oldest_memories(dir.path(), dir / "4", 5000);
  CHECK(fs::exists(dir / "3"));
  drop_oldest_memories(dir.path(), dir / "4", 3000);
  CHECK(fs::exists(dir / "0"));
  CHECK(fs::exists(dir / "1"));
  CHECK_FALSE(fs::exists(dir / "2"));
  CHECK_FALSE(fs::exists(dir / "3"));
  CHECK(fs::exists(dir / "4"));
}
