// A storage that goes back in time is noticed: by what this machine remembers, and by what later snapshots name.
#include <doctest/doctest.h>

#include <fstream>
#include <thread>

#include "crash/memory_tree.hpp"
#include "repo/memory_of_heads.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

OpenOptions opening_with(const TempDir& cache) {
  OpenOptions options = opening("pw");
  options.cache_directory = cache.path();
  return options;
}

Repository must_open(const StoragePtr& storage, OpenOptions options) {
  auto repository = Repository::open(Context(), storage, std::move(options));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  return std::move(*repository);
}

StoragePtr new_repository() {
  StoragePtr storage = make_memory_storage();
  REQUIRE(Repository::create(Context(), storage, cheap_password("pw")).ok());
  return storage;
}

std::string must_back_up(Repository& repository, std::uint64_t seed) {
  const auto snapshot = backup_tree(Context(), repository, random_tree(seed, 2, 500));
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  return snapshot->id;
}

void must_be_rolled_back(const Repository& repository) {
  const auto snapshots = repository.snapshots(Context());
  REQUIRE_FALSE(snapshots.ok());
  CHECK(snapshots.error().code() == ErrorCode::corrupt);
  CHECK(snapshots.error().message().find("rolled back") != std::string::npos);
}

}  // namespace

TEST_CASE("the newest snapshot disappears: who remembers it says so, right after the backup already") {
  const TempDir cache;
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage, opening_with(cache));
  must_back_up(repository, 1);
  const std::string newest = must_back_up(repository, 2);
  REQUIRE(storage->remove(Context(), "snapshots/" + newest).ok());
  must_be_rolled_back(repository);
  must_be_rolled_back(must_open(storage, opening_with(cache)));
}

TEST_CASE("the whole storage is an older copy of itself") {
  const TempDir cache;
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage, opening_with(cache));
  must_back_up(repository, 1);
  const Objects older = objects_of(*storage);
  must_back_up(repository, 2);
  REQUIRE(repository.snapshots(Context()).ok());
  must_be_rolled_back(must_open(storage_of(older), opening_with(cache)));
  // Without a memory an older state cannot be told from a younger repository.
  CHECK(must_open(storage_of(older), opening("pw")).snapshots(Context())->size() == 1);
}

TEST_CASE("forgetting is no rollback, neither of the newest nor of all") {
  const TempDir cache;
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage, opening_with(cache));
  std::vector<std::string> ids;
  for (std::uint64_t i = 0; i < 4; ++i) ids.push_back(must_back_up(repository, i));
  REQUIRE(repository.snapshots(Context()).ok());
  for (const std::size_t i : {3U, 1U, 0U, 2U}) {
    Repository elsewhere = must_open(storage, opening("pw"));
    REQUIRE(elsewhere.forget(Context(), ids[i]).ok());
    CHECK(repository.snapshots(Context()).ok());
    CHECK(must_open(storage, opening_with(cache)).snapshots(Context()).ok());
  }
  CHECK(must_open(storage, opening_with(cache)).snapshots(Context())->empty());
  must_back_up(repository, 9);
  CHECK(repository.snapshots(Context())->size() == 1);
}

TEST_CASE("a snapshot in the middle disappears: later ones name it, until its loss is accepted by forgetting it") {
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage, opening("pw"));
  const std::string first = must_back_up(repository, 1);
  const std::string middle = must_back_up(repository, 2);
  must_back_up(repository, 3);
  REQUIRE(storage->remove(Context(), "snapshots/" + middle).ok());
  must_be_rolled_back(must_open(storage, opening("pw")));
  // What is there can be listed and restored, and backups go on; only which is the latest is not said.
  std::vector<DamagedSnapshot> missing;
  CHECK(repository.snapshots(Context(), {}, &missing)->size() == 2);
  REQUIRE(missing.size() == 1);
  CHECK(missing[0].id == middle);
  CHECK(repository.find_snapshot(Context(), first).ok());
  CHECK(repository.find_snapshot(Context(), "latest").error().code() == ErrorCode::corrupt);
  CHECK(missing[0].missing);
  const auto named = repository.find_snapshot_id(Context(), middle.substr(0, 8));
  REQUIRE(named.ok());
  CHECK(*named == middle);
  REQUIRE(backup_tree(Context(), repository, random_tree(4, 1, 10)).ok());
  must_be_rolled_back(must_open(storage, opening("pw")));
  REQUIRE(repository.forget(Context(), middle).ok());
  CHECK(repository.snapshots(Context())->size() == 3);
  CHECK(repository.forget(Context(), std::string(32, 'a')).error().code() == ErrorCode::not_found);
}

TEST_CASE("a tombstone put back or taken away") {
  const TempDir cache;
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage, opening_with(cache));
  must_back_up(repository, 1);
  const std::string newest = must_back_up(repository, 2);
  const Objects before = objects_of(*storage);
  REQUIRE(repository.snapshots(Context()).ok());
  REQUIRE(repository.forget(Context(), newest).ok());
  const Bytes tombstone = *storage->get(Context(), "forgotten/" + newest, {});
  // Under another snapshot's name it forgets nothing.
  const StoragePtr forged = storage_of(before);
  for (const auto& [key, bytes] : before) {
    if (!key.starts_with("snapshots/") || key.ends_with(newest)) continue;
    REQUIRE(forged->put(Context(), "forgotten/" + key.substr(10), tombstone, {}).ok());
    REQUIRE(forged->remove(Context(), key).ok());
  }
  const auto seen = must_open(forged, opening("pw")).snapshots(Context());
  REQUIRE_FALSE(seen.ok());
  CHECK(seen.error().code() == ErrorCode::corrupt);
}

TEST_CASE("many programs that share one memory take nothing for a rollback") {
  const TempDir cache;
  const StoragePtr storage = new_repository();
  std::vector<std::thread> threads;
  std::atomic<unsigned> failures{0};
  std::string message;
  std::mutex mutex;
  for (std::uint64_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      auto repository = Repository::open(Context(), storage, opening_with(cache));
      for (std::uint64_t i = 0; i < 12; ++i) {
        const auto snapshot = backup_tree(Context(), *repository, random_tree(t * 100 + i, 1, 100));
        const auto listed = repository->snapshots(Context());
        if (snapshot && listed) continue;
        ++failures;
        const std::lock_guard lock(mutex);
        message = (snapshot ? listed.error() : snapshot.error()).to_string();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_MESSAGE(failures == 0, message);
  CHECK(must_open(storage, opening_with(cache)).snapshots(Context())->size() == 72);
}

TEST_CASE("a memory that is damaged or cannot be written is only a memory") {
  const TempDir cache;
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage, opening_with(cache));
  must_back_up(repository, 1);
  const std::string heads = cache / repository.id() + "/heads";
  std::ofstream(heads) << "not a list of heads";
  CHECK(repository.snapshots(Context()).ok());
  std::filesystem::remove_all(cache / repository.id());
  CHECK(repository.snapshots(Context()).ok());
}

TEST_CASE("a snapshot in the place of another is no good one, however often it is looked at") {
  const TempDir cache;
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage, opening_with(cache));
  const std::string first = must_back_up(repository, 1);
  const std::string newest = must_back_up(repository, 2);
  format::Digest another{};
  another[0] = std::byte{1};
  repo::store_heads(Context(), *repository.impl(), {{newest, another}});
  for (int look = 0; look < 2; ++look) {
    std::vector<DamagedSnapshot> damaged;
    const auto listed = repository.snapshots(Context(), {}, &damaged);
    REQUIRE(listed.ok());
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().id == first);
    REQUIRE(damaged.size() == 1);
    CHECK(damaged[0].id == newest);
    CHECK_FALSE(damaged[0].missing);
    CHECK_FALSE(repository.snapshots(Context()).ok());
  }
}
