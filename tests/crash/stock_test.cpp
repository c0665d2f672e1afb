// What a backup does about packs that are gone, packs that nobody listed, and packs that are about to be removed.
#include <doctest/doctest.h>

#include <drkit/check.hpp>

#include "crash/memory_tree.hpp"
#include "crash/warning_log.hpp"
#include "golden/incremental.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

StoragePtr new_repository() {
  StoragePtr storage = make_memory_storage();
  REQUIRE(Repository::create(Context(), storage, cheap_password("pw")).ok());
  return storage;
}

Repository must_open(const StoragePtr& storage) {
  auto repository = Repository::open(Context(), storage, opening("pw"));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  use_small_packs(*repository, 2 << 10, 6 << 10);
  return std::move(*repository);
}

std::vector<std::string> packs_in(Storage& storage) {
  std::vector<std::string> keys;
  for (const char* prefix : {"data/", "meta/"}) {
    const auto some = repo::list_keys(Context(), storage, prefix);
    REQUIRE(some.ok());
    keys.insert(keys.end(), some->begin(), some->end());
  }
  return keys;
}

Snapshot must_back_up(const Context& ctx, Repository& repository, const MemoryTree& tree) {
  const auto snapshot = backup_tree(ctx, repository, tree);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  return *snapshot;
}

void must_be(const StoragePtr& storage, const Snapshot& snapshot, const MemoryTree& tree) {
  const auto restored = restore_tree(Context(), must_open(storage), snapshot);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  CHECK(*restored == tree);
}

bool is_listed(const StoragePtr& storage, const std::string& key) {
  const auto index = must_open(storage).impl()->index(Context());
  REQUIRE(index.ok());
  return (*index)->knows_pack(*base::array_from_hex<32>(key.substr(key.rfind('/') + 1)));
}

}  // namespace

TEST_CASE("any pack is gone or shorter: the next backup of the same tree says so, stores it again and is whole") {
  const MemoryTree tree = random_tree(1, 6, 3000);
  const StoragePtr original = new_repository();
  Repository maker = must_open(original);
  must_back_up(Context(), maker, tree);
  const Objects objects = objects_of(*original);
  const std::vector<std::string> packs = packs_in(*original);
  REQUIRE(packs.size() >= 4);
  for (const std::string& key : packs) {
    for (const bool gone : {true, false}) {
      CAPTURE(key);
      CAPTURE(gone);
      const StoragePtr storage = storage_of(objects);
      Repository repository = must_open(storage);
      // A handle that has read the index before, and must look again.
      REQUIRE(repository.impl()->index(Context()).ok());
      Bytes cut = objects.at(key);
      cut.pop_back();
      REQUIRE((gone ? storage->remove(Context(), key) : storage->put(Context(), key, cut, {})).ok());
      WarningLog log;
      const Snapshot again = must_back_up(log.context(), repository, tree);
      CHECK(log.names(key));
      must_be(storage, again, tree);
      // And once more: other packs have it now.
      const Snapshot third = must_back_up(Context(), repository, tree);
      CHECK(third.stats.chunks_new == 0);
      must_be(storage, third, tree);
    }
  }
}

TEST_CASE("all is there: nothing is stored again and nothing is warned of") {
  const MemoryTree tree = random_tree(2, 6, 3000);
  Repository repository = must_open(new_repository());
  must_back_up(Context(), repository, tree);
  WarningLog log;
  CHECK(must_back_up(log.context(), repository, tree).stats.chunks_new == 0);
  CHECK(log.lines().empty());
}

TEST_CASE("an unlisted pack is adopted when it is what its name says, and left alone when one bit is not") {
  const MemoryTree tree = random_tree(3, 6, 3000);
  const StoragePtr original = new_repository();
  Repository maker = must_open(original);
  must_back_up(Context(), maker, tree);
  // As a killed run leaves it: packs, and nothing that names them.
  Objects objects = objects_of(*original);
  std::erase_if(objects, [](const auto& object) {
    return object.first.starts_with("index/") || object.first.starts_with("snapshots/");
  });
  const std::vector<std::string> packs = packs_in(*original);
  {
    const StoragePtr storage = storage_of(objects);
    Repository repository = must_open(storage);
    const Snapshot adopted = must_back_up(Context(), repository, tree);
    CHECK(adopted.stats.chunks_new == 0);
    must_be(storage, adopted, tree);
    for (const std::string& key : packs) CHECK(is_listed(storage, key));
  }
  for (const std::string& key : packs) {
    // In the first frame, where header, directory and size cannot tell.
    for (const bool zeros : {false, true}) {
      CAPTURE(key);
      CAPTURE(zeros);
      Objects altered = objects;
      Bytes& bytes = altered[key];
      if (zeros) std::fill(bytes.begin() + 120, bytes.begin() + 150, std::byte{0});
      if (!zeros) bytes[130] ^= std::byte{8};
      const StoragePtr storage = storage_of(altered);
      Repository repository = must_open(storage);
      WarningLog log;
      const Snapshot snapshot = must_back_up(log.context(), repository, tree);
      CHECK(log.names(key));
      CHECK_FALSE(is_listed(storage, key));
      must_be(storage, snapshot, tree);
    }
  }
}

TEST_CASE("an unlisted pack that was cut, and one that was cut and filled up, are not adopted") {
  const MemoryTree tree = random_tree(5, 3, 3000);
  const StoragePtr original = new_repository();
  Repository maker = must_open(original);
  must_back_up(Context(), maker, tree);
  Objects objects = objects_of(*original);
  std::erase_if(objects, [](const auto& object) {
    return object.first.starts_with("index/") || object.first.starts_with("snapshots/");
  });
  for (const std::string& key : packs_in(*original)) {
    for (const bool filled : {false, true}) {
      Objects altered = objects;
      const std::size_t size = altered[key].size();
      altered[key].resize(size / 2);
      if (filled) altered[key].resize(size);
      const StoragePtr storage = storage_of(altered);
      Repository repository = must_open(storage);
      const Snapshot snapshot = must_back_up(Context(), repository, tree);
      CHECK_FALSE(is_listed(storage, key));
      must_be(storage, snapshot, tree);
    }
  }
}

TEST_CASE("a condemned pack can be read, is not counted on, and is not warned of when it goes") {
  const MemoryTree tree = random_tree(4, 6, 3000);
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage);
  const Snapshot before = must_back_up(Context(), repository, tree);
  const std::vector<std::string> packs = packs_in(*storage);
  REQUIRE(golden::condemn_data(Context(), repository).ok());
  must_be(storage, before, tree);
  WarningLog log;
  const Snapshot after = must_back_up(log.context(), repository, tree);
  CHECK(after.stats.chunks_new >= tree.size());
  for (const std::string& key : packs) {
    if (key.starts_with("data/")) REQUIRE(storage->remove(Context(), key).ok());
  }
  must_be(storage, after, tree);
  must_be(storage, before, tree);
  CHECK(must_back_up(log.context(), repository, tree).stats.chunks_new == 0);
  CHECK_FALSE(log.names("data/"));
  CheckOptions options;
  options.level = CheckLevel::chunks;
  const auto report = check(Context(), repository, nullptr, {}, options);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  CHECK(report->ok());
}

TEST_CASE("an index object that lists a condemned pack as any other does not bring it back, whichever is read first") {
  for (const bool plain_first : {true, false}) {
    const TempDir dir;
    repo::Index index(dir.path());
    format::PackInfo pack;
    pack.size_bytes = 1000;
    pack.directory = {{100, 0, 10, {{format::ChunkId{}, 10}}}};
    pack.condemned = !plain_first;
    REQUIRE(index.add(pack).ok());
    pack.condemned = plain_first;
    REQUIRE(index.add(pack).ok());
    CHECK_FALSE(*index.is_stored(format::PackType::data, format::ChunkId{}));
    CHECK(index.find(format::PackType::data, format::ChunkId{})->size() == 1);
    CHECK(index.find(format::PackType::meta, format::ChunkId{})->empty());
  }
}
