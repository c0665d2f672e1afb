// A backup dies, or one of its storage calls fails, at every single call: nothing committed is ever lost, nothing half
// done is ever shown, and what was put already is used again.
#include <doctest/doctest.h>

#include "crash/memory_tree.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

constexpr std::size_t kFrameBytes = 16 << 10;
constexpr std::size_t kPackBytes = 40 << 10;
// Manifest, index, snapshot and lease of the second run.
constexpr std::uint64_t kSmallObjects = 16 << 10;

struct Committed {
  std::string id;
  MemoryTree tree;
};

/// A storage's state before the run under test, and what must stay readable.
struct Scene {
  Objects objects;
  std::vector<Committed> committed;
  MemoryTree tree;  ///< what the run backs up
};

Repository must_open(const StoragePtr& storage) {
  auto repository = Repository::open(Context(), storage, opening("pw"));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  use_small_packs(*repository, kFrameBytes, kPackBytes);
  return std::move(*repository);
}

void must_restore(const Repository& repository, const Snapshot& snapshot, const MemoryTree& expected) {
  auto restored = restore_tree(Context(), repository, snapshot);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  REQUIRE(*restored == expected);
}

// Everything that must hold after the run, whatever became of it. Answers whether its snapshot is there.
bool look_afresh(const StoragePtr& storage, const Scene& scene, const Result<Snapshot>& run) {
  const Context ctx;
  const Repository repository = must_open(storage);
  auto snapshots = repository.snapshots(ctx);
  REQUIRE_MESSAGE(snapshots.ok(), snapshots.error().to_string());
  bool found = false;
  std::size_t old = 0;
  for (const Snapshot& snapshot : *snapshots) {
    const auto committed = std::find_if(scene.committed.begin(), scene.committed.end(),
                                        [&](const Committed& c) { return c.id == snapshot.id; });
    const bool is_old = committed != scene.committed.end();
    must_restore(repository, snapshot, is_old ? committed->tree : scene.tree);
    old += is_old ? 1 : 0;
    found = found || !is_old;
    if (!is_old && run) REQUIRE(snapshot.id == run->id);
  }
  REQUIRE(old == scene.committed.size());
  REQUIRE(snapshots->size() <= old + 1);
  if (run) REQUIRE(found);
  return found;
}

void must_back_up(Repository& repository, const StoragePtr& storage, const MemoryTree& tree) {
  const auto again = backup_tree(Context(), repository, tree);
  REQUIRE_MESSAGE(again.ok(), again.error().to_string());
  must_restore(must_open(storage), *again, tree);
}

// The run with the fault at call number nth. False when it had fewer calls.
bool run_with_fault(const Scene& scene, FaultKind kind, std::uint64_t nth, std::uint64_t bytes_of_one_run) {
  CAPTURE(static_cast<int>(kind));
  CAPTURE(nth);
  const bool dies = kind == FaultKind::crash_before || kind == FaultKind::crash_after;
  const StoragePtr storage = storage_of(scene.objects);
  const auto counts = std::make_shared<CallCounts>();
  // The handle is opened first: opening writes nothing.
  Repository repository = must_open(storage);
  const StoragePtr faulty = with_faults(storage, {.faults = {{.kind = kind, .nth = nth, .retry = Retry::no}}}, counts);
  repository.impl()->storage = faulty;
  const Result<Snapshot> run = backup_tree(Context(), repository, scene.tree);
  const bool struck = counts->calls() >= nth;
  const bool found = look_afresh(storage, scene, run);
  if (!struck) REQUIRE(run.ok());
  const auto later = std::make_shared<CallCounts>();
  if (dies) {
    const StoragePtr counted = with_faults(storage, {}, later);
    Repository next = must_open(counted);
    must_back_up(next, storage, scene.tree);
  } else {
    // A long-lived program goes on with the handle that it has.
    repository.impl()->storage = with_faults(storage, {}, later);
    must_back_up(repository, storage, scene.tree);
  }
  REQUIRE(counts->bytes_put + later->bytes_put <= bytes_of_one_run + kSmallObjects + (found ? kSmallObjects : 0));
  return struck;
}

std::uint64_t bytes_of_one_run(const Scene& scene) {
  const auto counts = std::make_shared<CallCounts>();
  const StoragePtr counted = with_faults(storage_of(scene.objects), {}, counts);
  Repository repository = must_open(counted);
  REQUIRE(backup_tree(Context(), repository, scene.tree).ok());
  return counts->bytes_put;
}

void fault_at_every_call(const Scene& scene) {
  const std::uint64_t bytes = bytes_of_one_run(scene);
  for (const FaultKind kind :
       {FaultKind::crash_before, FaultKind::crash_after, FaultKind::fail, FaultKind::lost_answer}) {
    std::uint64_t nth = 1;
    while (run_with_fault(scene, kind, nth, bytes)) ++nth;
    CHECK(nth > 12);
  }
}

Scene empty_repository() {
  Scene scene;
  const StoragePtr storage = make_memory_storage();
  REQUIRE(Repository::create(Context(), storage, cheap_password("pw")).ok());
  scene.objects = objects_of(*storage);
  scene.tree = random_tree(1, 9, 12 << 10);
  return scene;
}

// The same storage after one more successful backup.
Scene after_backup(Scene scene, MemoryTree next) {
  const StoragePtr storage = storage_of(scene.objects);
  Repository repository = must_open(storage);
  const auto snapshot = backup_tree(Context(), repository, scene.tree);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  scene.committed.push_back({snapshot->id, scene.tree});
  scene.objects = objects_of(*storage);
  scene.tree = std::move(next);
  return scene;
}

// The same storage after a backup that died at one of its puts of packs.
Scene after_crash(Scene scene) {
  const StoragePtr storage = storage_of(scene.objects);
  Repository repository = must_open(storage);
  repository.impl()->storage = with_faults(
      storage,
      {.faults = {{.kind = FaultKind::crash_after, .call = StorageCall::put, .nth = 2, .key_prefix = "data/"}}});
  REQUIRE_FALSE(backup_tree(Context(), repository, scene.tree).ok());
  scene.objects = objects_of(*storage);
  return scene;
}

}  // namespace

TEST_CASE("a first backup interrupted at every storage call") { fault_at_every_call(empty_repository()); }

TEST_CASE("a second backup of a changed tree interrupted at every storage call") {
  const Scene scene = empty_repository();
  fault_at_every_call(after_backup(scene, changed_tree(scene.tree, 7)));
}

TEST_CASE("a resumed backup interrupted again at every storage call") {
  const Scene scene = empty_repository();
  fault_at_every_call(after_crash(after_backup(scene, random_tree(8, 9, 12 << 10))));
}

TEST_CASE("creating a repository interrupted at every storage call leaves it whole or not there") {
  for (const FaultKind kind :
       {FaultKind::crash_before, FaultKind::crash_after, FaultKind::fail, FaultKind::lost_answer}) {
    for (std::uint64_t nth = 1; nth <= 5; ++nth) {
      CAPTURE(nth);
      const StoragePtr storage = make_memory_storage();
      const auto created = Repository::create(
          Context(), with_faults(storage, {.faults = {{.kind = kind, .nth = nth, .retry = Retry::no}}}),
          cheap_password("pw"));
      const auto opened = Repository::open(Context(), storage, opening("pw"));
      if (created) REQUIRE(opened.ok());
      if (!opened) CHECK(opened.error().code() == ErrorCode::not_found);
    }
  }
}

TEST_CASE("two backups at once on one handle: what only the other one put is not relied upon") {
  // The first writer puts packs and dies before its index object; the second one ends well meanwhile.
  const Scene scene = empty_repository();
  const StoragePtr storage = storage_of(scene.objects);
  Repository repository = must_open(storage);
  repository.impl()->storage = with_faults(
      storage,
      {.faults = {{.kind = FaultKind::fail, .call = StorageCall::put, .key_prefix = "index/", .retry = Retry::no}}});
  REQUIRE_FALSE(backup_tree(Context(), repository, scene.tree).ok());
  repository.impl()->storage = storage;
  must_back_up(repository, storage, scene.tree);
}

TEST_CASE("what another program removed from the storage is not relied upon by an open handle") {
  const Context ctx;
  const Scene scene = empty_repository();
  const StoragePtr storage = storage_of(scene.objects);
  Repository repository = must_open(storage);
  const auto snapshot = backup_tree(ctx, repository, scene.tree);
  REQUIRE(snapshot.ok());
  REQUIRE(must_open(storage).forget(ctx, snapshot->id).ok());
  for (const auto& [key, bytes] : objects_of(*storage)) {
    const bool pruned = key.starts_with("data/") || key.starts_with("meta/") || key.starts_with("index/");
    if (pruned) REQUIRE(storage->remove(ctx, key).ok());
  }
  must_back_up(repository, storage, scene.tree);
}
