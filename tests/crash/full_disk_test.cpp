// Storages and spools that are full: an honest error, nothing half written, and work goes on once there is room.
#include <doctest/doctest.h>

#include <sys/statvfs.h>

#include <filesystem>
#include <fstream>

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

bool is_full(const std::string& directory) {
  struct statvfs status {};
  return ::statvfs(directory.c_str(), &status) == 0 && status.f_bavail == 0;
}

// Takes the last block. False where the place is bounded in another way.
bool fill_up(const std::string& directory) {
  std::ofstream filler(directory + "/filler", std::ios::binary | std::ios::app);
  const std::string block(4096, 'x');
  while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
  return is_full(directory);
}

constexpr int kNotFull = 77;         // only root can bound a whole place
constexpr unsigned kForgotten = 12;  // more than the reserve could do at once

Result<Repository> many_snapshots(const std::string& directory) {
  const Context ctx;
  DRKIT_ASSIGN(const StoragePtr storage, make_local_storage(directory + "/repository", {.create = true}));
  DRKIT_ASSIGN(Repository repository, Repository::create(ctx, storage, cheap_password("pw")));
  use_small_packs(repository, 4 << 10, 8 << 10);
  for (unsigned i = 0; i <= kForgotten; ++i) DRKIT_TRY(backup_tree(ctx, repository, random_tree(i, 2, 1000)));
  return repository;
}

// Every snapshot but the last is forgotten with no byte free, each by a process of its own.
int forget_when_full(const std::string& directory) {
  const Context ctx;
  if (const auto made = many_snapshots(directory); !made) return 1;
  if (!fill_up(directory)) return kNotFull;
  for (unsigned i = 0; i < kForgotten; ++i) {
    auto storage = make_local_storage(directory + "/repository");
    if (!storage) return 2;
    if ((*storage)->put(ctx, "data/more", Bytes(8192), {}).ok()) return 3;
    auto repository = Repository::open(ctx, *storage, opening("pw"));
    if (!repository) return 4;
    const auto snapshots = repository->snapshots(ctx);
    if (!snapshots || snapshots->size() != kForgotten + 1 - i) return 5;
    if (!repository->forget(ctx, snapshots->front().id)) return 6;
    const auto left = repository->snapshots(ctx);
    if (!left || left->size() != kForgotten - i) return 7;
    if (!fill_up(directory)) return 8;
  }
  auto storage = make_local_storage(directory + "/repository");
  auto repository = Repository::open(ctx, *storage, opening("pw"));
  if (!repository) return 9;
  const auto snapshots = repository->snapshots(ctx);
  if (!snapshots || snapshots->size() != 1) return 10;
  const auto restored = restore_tree(ctx, *repository, snapshots->front());
  return restored && *restored == random_tree(kForgotten, 2, 1000) ? 0 : 11;
}

// Nothing was reserved: nothing is lost either, and the error says what to do.
int forget_without_reserve(const std::string& directory) {
  const Context ctx;
  auto repository = many_snapshots(directory);
  if (!repository) return 1;
  std::filesystem::remove_all(directory + "/repository/reserve~");
  if (!fill_up(directory)) return kNotFull;
  const auto before = repository->snapshots(ctx);
  if (!before || before->size() != kForgotten + 1) return 2;
  const auto refused = repository->forget(ctx, before->front().id);
  if (refused || refused.error().code() != ErrorCode::no_space) return 3;
  if (refused.error().to_string().find("free some kilobytes") == std::string::npos) return 4;
  const auto after = repository->snapshots(ctx);
  if (!after || after->size() != before->size()) return 5;
  std::filesystem::resize_file(directory + "/filler", std::filesystem::file_size(directory + "/filler") - 16384);
  return repository->forget(ctx, before->front().id) ? 0 : 6;
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

TEST_CASE("on a disk without a free byte snapshots can be forgotten, one after the other") {
  const int code = on_full_disk(forget_when_full);
  CHECK((code == 0 || code == kNotFull));
  if (code == kNotFull) MESSAGE("not run: nothing bounds the place as a whole here");
}

TEST_CASE("forgetting on a full disk where nothing was reserved changes nothing and says what helps") {
  const int code = on_full_disk(forget_without_reserve);
  CHECK((code == 0 || code == kNotFull));
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
