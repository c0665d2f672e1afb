// Storages and spools that are full: an honest error, nothing half written, and work goes on once there is room.
#include <doctest/doctest.h>

#include <filesystem>

#include "crash/memory_tree.hpp"
#include "repo/layout.hpp"
#include "repo/record_sorter.hpp"
#include "repo/sorted_runs.hpp"
#include "testing/full_disk.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

// Children cannot use the parent's assertions: each step that must hold has a number of its own, 0 is success.
int back_up_until_full(const std::string& directory) {
  const Context ctx;
  auto storage = make_local_storage(directory + "/repository", {.create = true});
  if (!storage) return 1;
  auto repository = Repository::create(ctx, *storage, cheap_password("pw"));
  if (!repository) return 2;
  use_small_packs(*repository, 32 << 10, 64 << 10);
  const MemoryTree small = random_tree(1, 4, 20'000);
  const auto first = backup_tree(ctx, *repository, small);
  if (!first) return 3;
  const MemoryTree large = random_tree(2, 40, 50'000);
  const auto failed = backup_tree(ctx, *repository, large);
  if (failed) return 4;
  if (failed.error().code() != ErrorCode::no_space) return 5;
  auto reopened = Repository::open(ctx, *storage, opening("pw"));
  if (!reopened) return 6;
  const auto snapshots = reopened->snapshots(ctx);
  if (!snapshots || snapshots->size() != 1) return 7;
  const auto restored = restore_tree(ctx, *reopened, snapshots->front());
  if (!restored || *restored != small) return 8;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory + "/repository", error)) {
    const std::string path = entry.path().string();
    if (entry.is_regular_file() && path.find("tmp~") != std::string::npos) return 9;
  }
  // Packs that no snapshot refers to yet: here they make the room that a prune would make.
  std::vector<std::string> packs;
  const auto listed = (*storage)->list(ctx, "data/", [&](const ObjectInfo& info) {
    if (!reopened->impl()->index(ctx).value()->knows_pack(*base::array_from_hex<32>(repo::object_name(info.key)))) {
      packs.push_back(info.key);
    }
    return true;
  });
  if (!listed || packs.empty()) return 10;
  for (const std::string& key : packs) {
    if (!(*storage)->remove(ctx, key)) return 11;
  }
  const MemoryTree next = random_tree(3, 5, 20'000);
  const auto done = backup_tree(ctx, *reopened, next);
  if (!done) return 12;
  const auto last = restore_tree(ctx, *reopened, *done);
  return last && *last == next ? 0 : 13;
}

int sort_until_full(const std::string& directory) {
  repo::RecordSorter sorter(directory, 64 << 10);
  for (int i = 0; i < 100'000; ++i) {
    format::Record record;
    record.entry.path = "some/path/number/" + std::to_string(i);
    const auto added = sorter.add(record);
    if (!added) return added.error().code() == ErrorCode::no_space || added.error().code() == ErrorCode::io ? 0 : 1;
  }
  return 2;
}

int index_until_full(const std::string& directory) {
  repo::SortedRuns runs(directory, 256);
  SeededRandom random(1);
  for (int i = 0; i < 100'000; ++i) {
    repo::IndexRow row{};
    random.fill(row.id);
    const auto added = runs.add(row);
    if (!added) return added.error().code() == ErrorCode::no_space || added.error().code() == ErrorCode::io ? 0 : 1;
  }
  return 2;
}

}  // namespace

TEST_CASE("a storage that is full fails the backup and keeps what it has") {
  CHECK(on_full_disk(back_up_until_full) == 0);
}

TEST_CASE("a spool that is full is an error, never a shorter answer") {
  CHECK(on_full_disk(sort_until_full) == 0);
  CHECK(on_full_disk(index_until_full) == 0);
}

TEST_CASE("a store that is full for every possible size: old snapshots stay, the backup works with more room") {
  const Context ctx;
  const StoragePtr storage = make_memory_storage();
  auto repository = Repository::create(ctx, storage, cheap_password("pw"));
  REQUIRE(repository.ok());
  use_small_packs(*repository, 4 << 10, 8 << 10);
  const MemoryTree old_tree = random_tree(1, 3, 3000);
  const auto old_snapshot = backup_tree(ctx, *repository, old_tree);
  REQUIRE(old_snapshot.ok());
  const MemoryTree tree = random_tree(2, 6, 4000);
  bool succeeded = false;
  for (std::uint64_t space = 0; !succeeded; space += 1500) {
    REQUIRE(space < 200'000);
    repository->impl()->storage = with_faults(storage, {.space_bytes = space});
    const auto snapshot = backup_tree(ctx, *repository, tree);
    succeeded = snapshot.ok();
    if (!succeeded) CHECK(snapshot.error().code() == ErrorCode::no_space);
    const auto fresh = Repository::open(ctx, storage, opening("pw"));
    REQUIRE(fresh.ok());
    const auto snapshots = fresh->snapshots(ctx);
    REQUIRE(snapshots.ok());
    CHECK(snapshots->size() == (succeeded ? 2 : 1));
    CHECK(*restore_tree(ctx, *fresh, *old_snapshot) == old_tree);
    if (succeeded) CHECK(*restore_tree(ctx, *fresh, *snapshot) == tree);
  }
}
