// Many writers on one repository, keys that may only add, and keys that change.
#include <doctest/doctest.h>

#include <thread>

#include "crash/memory_tree.hpp"
#include "testing/process.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

constexpr std::uint64_t kRounds = 3;

Repository must_open(const StoragePtr& storage, const char* password = "pw") {
  auto repository = Repository::open(Context(), storage, opening(password));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  use_small_packs(*repository, 16 << 10, 40 << 10);
  return std::move(*repository);
}

StoragePtr new_repository() {
  StoragePtr storage = make_memory_storage();
  REQUIRE(Repository::create(Context(), storage, cheap_password("pw")).ok());
  return storage;
}

// What writer number `writer` stores in a round: half of it the same for all.
MemoryTree tree_of(std::uint64_t writer, std::uint64_t round) {
  MemoryTree tree = random_tree(99, 3, 9000);
  for (auto& [path, bytes] : random_tree(writer * 100 + round, 3, 9000)) tree["own-" + path] = bytes;
  return tree;
}

// 0 when every backup succeeded.
int write_rounds(Repository& repository, std::uint64_t writer) {
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const auto snapshot = backup_tree(Context(), repository, tree_of(writer, round),
                                      std::to_string(writer) + "." + std::to_string(round));
    if (!snapshot) return 1;
  }
  return 0;
}

void all_must_be_exact(const Repository& repository, std::uint64_t writers) {
  const auto snapshots = repository.snapshots(Context());
  REQUIRE_MESSAGE(snapshots.ok(), snapshots.error().to_string());
  REQUIRE(snapshots->size() == writers * kRounds);
  for (const Snapshot& snapshot : *snapshots) {
    const std::size_t dot = snapshot.source_name.find('.');
    const auto tree = restore_tree(Context(), repository, snapshot);
    REQUIRE_MESSAGE(tree.ok(), tree.error().to_string());
    REQUIRE(*tree == tree_of(std::stoull(snapshot.source_name.substr(0, dot)),
                             std::stoull(snapshot.source_name.substr(dot + 1))));
  }
}

void writers_in_threads(std::uint64_t writers, bool one_handle) {
  const StoragePtr storage = new_repository();
  Repository shared = must_open(storage);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      auto own = Repository::open(Context(), storage, opening("pw"));
      use_small_packs(*own, 16 << 10, 40 << 10);
      failures += write_rounds(one_handle ? shared : *own, writer);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  all_must_be_exact(must_open(storage), writers);
}

void writers_in_processes(std::uint64_t writers) {
  const TempDir dir;
  const std::string path = dir / "repository";
  REQUIRE(Repository::create(Context(), *make_local_storage(path, {.create = true}), cheap_password("pw")).ok());
  std::vector<std::unique_ptr<Child>> children;
  for (std::uint64_t writer = 0; writer < writers; ++writer) {
    children.push_back(std::make_unique<Child>([&] {
      auto storage = make_local_storage(path);
      auto repository = Repository::open(Context(), *storage, opening("pw"));
      return repository ? write_rounds(*repository, writer) : 2;
    }));
  }
  for (const auto& child : children) CHECK(child->wait() == 0);
  all_must_be_exact(must_open(*make_local_storage(path)), writers);
}

/// A repository and handles of both roles on it.
struct Roles {
  StoragePtr storage = new_repository();
  Repository full = must_open(storage);
  Repository writer = [&] {
    REQUIRE(full.add_password(Context(), Secret::from_text("writer"), KeyRole::write, "host", {1, 1 << 20}).ok());
    return must_open(storage, "writer");
  }();
};

}  // namespace

TEST_CASE("two and eight writers in threads, each with a handle of its own") {
  writers_in_threads(2, false);
  writers_in_threads(8, false);
}

TEST_CASE("two and eight writers in threads that share one handle") {
  writers_in_threads(2, true);
  writers_in_threads(8, true);
}

TEST_CASE("two and eight writers in processes") {
  writers_in_processes(2);
  writers_in_processes(8);
}

TEST_CASE("writers of the same data at once: each snapshot is whole") {
  const StoragePtr storage = new_repository();
  const MemoryTree tree = random_tree(5, 6, 9000);
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto repository = Repository::open(Context(), storage, opening("pw"));
      failures += backup_tree(Context(), *repository, tree).ok() ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  const Repository repository = must_open(storage);
  const auto snapshots = repository.snapshots(Context());
  REQUIRE(snapshots.ok());
  CHECK(snapshots->size() == 4);
  for (const Snapshot& snapshot : *snapshots) CHECK(*restore_tree(Context(), repository, snapshot) == tree);
}

TEST_CASE("a writer and one who forgets, at once") {
  const StoragePtr storage = new_repository();
  std::atomic<bool> done{false};
  std::atomic<int> forgotten{0};
  std::string trouble;
  std::thread forgetter([&] {
    Repository repository = must_open(storage);
    while (!done) {
      const auto snapshots = repository.snapshots(Context());
      if (!snapshots) trouble = snapshots.error().to_string();
      if (!snapshots || snapshots->size() < 2) continue;
      if (repository.forget(Context(), snapshots->front().id)) ++forgotten;
    }
  });
  Repository repository = must_open(storage);
  int failures = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const auto snapshot = backup_tree(Context(), repository, random_tree(i, 2, 2000));
    if (!snapshot) ++failures, trouble = snapshot.error().to_string();
  }
  done = true;
  forgetter.join();
  CHECK_MESSAGE(failures == 0, trouble);
  CHECK_MESSAGE(trouble.empty(), trouble);
  const auto snapshots = repository.snapshots(Context());
  REQUIRE_MESSAGE(snapshots.ok(), snapshots.error().to_string());
  CHECK(snapshots->size() + static_cast<std::size_t>(forgotten) == 40);
  CHECK(*restore_tree(Context(), repository, snapshots->back()) == random_tree(39, 2, 2000));
}

TEST_CASE("a write-only key adds backups with deduplication and reads nothing back") {
  const Context ctx;
  Roles roles;
  const MemoryTree tree = random_tree(1, 6, 9000);
  REQUIRE(backup_tree(ctx, roles.full, tree).ok());
  const auto snapshot = backup_tree(ctx, roles.writer, tree);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  CHECK(snapshot->stats.bytes_new == 0);
  const auto denied = [](const auto& result) {
    return !result && result.error().code() == ErrorCode::permission_denied;
  };
  MemoryTarget target;
  CHECK(denied(restore(ctx, roles.writer, *snapshot, target)));
  CHECK(denied(plan_restore(ctx, roles.writer, *snapshot)));
  CHECK(denied(list_entries(ctx, roles.writer, *snapshot, "", [](const Entry&) { return true; })));
  CHECK(denied(diff(ctx, roles.writer, *snapshot, *snapshot, [](Change, const Entry&) { return true; })));
  Entry place;
  place.path = "x";
  auto sink = target.open(ctx, place);
  CHECK(denied(read_entry(ctx, roles.writer, *snapshot, tree.begin()->first, **sink)));
  CHECK(denied(roles.writer.add_password(ctx, Secret::from_text("more"), KeyRole::full, "")));
  CHECK(denied(roles.writer.rotate_key(ctx, {Secret::from_text("writer"), std::nullopt})));
  CHECK(denied(roles.writer.remove_key(ctx, roles.full.keys(ctx)->front().id)));
  CHECK(target.take().empty());
  const auto listed = roles.writer.snapshots(ctx);
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == 2);
  CHECK_FALSE(listed->back().private_readable);
  CHECK(listed->back().receipt.empty());
  CHECK(*restore_tree(ctx, must_open(roles.storage), *snapshot) == tree);
}

TEST_CASE("rotated keys: old and new snapshots are readable, removed passwords open nothing") {
  const Context ctx;
  Roles roles;
  const MemoryTree old_tree = random_tree(1, 3, 3000);
  const auto old_snapshot = backup_tree(ctx, roles.full, old_tree);
  const auto lost = roles.full.rotate_key(ctx, {Secret::from_text("pw"), std::nullopt});
  REQUIRE_MESSAGE(lost.ok(), lost.error().to_string());
  CHECK(lost->size() == 1);
  CHECK(Repository::open(ctx, roles.storage, opening("writer")).error().code() == ErrorCode::bad_key);
  const MemoryTree new_tree = random_tree(2, 3, 3000);
  const auto new_snapshot = backup_tree(ctx, roles.full, new_tree);
  // The writer's open handle still knows the old key alone; what it adds stays readable.
  const MemoryTree late_tree = random_tree(3, 3, 3000);
  const auto late_snapshot = backup_tree(ctx, roles.writer, late_tree);
  REQUIRE((old_snapshot && new_snapshot && late_snapshot));
  const Repository fresh = must_open(roles.storage);
  CHECK(*restore_tree(ctx, fresh, *old_snapshot) == old_tree);
  CHECK(*restore_tree(ctx, fresh, *new_snapshot) == new_tree);
  CHECK(*restore_tree(ctx, fresh, *late_snapshot) == late_tree);
}

TEST_CASE("rotating that fails or dies at any storage call loses no snapshot made before or after") {
  const Context ctx;
  for (const FaultKind kind :
       {FaultKind::fail, FaultKind::lost_answer, FaultKind::crash_before, FaultKind::crash_after}) {
    for (std::uint64_t nth = 1; nth <= 9; ++nth) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(nth);
      Roles roles;
      const KeyFile file = *KeyFile::generate();
      REQUIRE(roles.full.add_recipient(ctx, file.public_key, KeyRole::full, "").ok());
      const MemoryTree tree = random_tree(1, 2, 300);
      const auto before = backup_tree(ctx, roles.full, tree);
      roles.full.impl()->storage =
          with_faults(roles.storage, {.faults = {{.kind = kind, .nth = nth, .retry = Retry::no}}});
      const auto rotated = roles.full.rotate_key(ctx, {Secret::from_text("pw"), std::nullopt});
      roles.full.impl()->storage = roles.storage;
      const auto after = backup_tree(ctx, roles.full, tree);
      REQUIRE((before && after));
      OpenOptions by_key;
      by_key.credential.key = file.secret_key.clone();
      auto recipient = Repository::open(ctx, roles.storage, std::move(by_key));
      REQUIRE(recipient.ok());
      const Repository password = must_open(roles.storage);
      for (const Repository* reader : {&password, const_cast<const Repository*>(&*recipient)}) {
        for (const auto* snapshot : {&before, &after}) {
          const auto restored = restore_tree(ctx, *reader, **snapshot);
          REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
          REQUIRE(*restored == tree);
        }
      }
    }
  }
}

TEST_CASE("rotating with a mistyped password changes nothing") {
  const Context ctx;
  const StoragePtr storage = new_repository();
  Repository repository = must_open(storage);
  const auto rotated = repository.rotate_key(ctx, {Secret::from_text("pW"), std::nullopt});
  REQUIRE_FALSE(rotated.ok());
  CHECK(rotated.error().code() == ErrorCode::bad_key);
  CHECK(Repository::open(ctx, storage, opening("pw")).ok());
  CHECK(repository.keys(ctx)->size() == 1);
}

TEST_CASE("two who create a repository in one place: one wins, its keys are the only ones") {
  const Context ctx;
  for (int round = 0; round < 10; ++round) {
    const StoragePtr storage = make_memory_storage();
    std::atomic<int> made{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] { made += Repository::create(ctx, storage, cheap_password("pw")).ok() ? 1 : 0; });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(made <= 1);
    if (made == 0) continue;  // all met the others' first objects: the place is left to its owner
    const Repository repository = must_open(storage);
    const auto keys = repository.keys(ctx);
    REQUIRE_MESSAGE(keys.ok(), keys.error().to_string());
    CHECK(keys->size() == 1);
  }
}

TEST_CASE("a removed password no longer opens, the last full key stays") {
  const Context ctx;
  Roles roles;
  const auto second = roles.full.add_password(ctx, Secret::from_text("second"), KeyRole::full, "", {1, 1 << 20});
  REQUIRE(second.ok());
  REQUIRE(roles.full.remove_key(ctx, second->id).ok());
  CHECK(Repository::open(ctx, roles.storage, opening("second")).error().code() == ErrorCode::bad_key);
  const auto keys = roles.full.keys(ctx);
  REQUIRE(keys.ok());
  for (const KeySlot& slot : *keys) {
    if (slot.role != KeyRole::full) continue;
    CHECK(roles.full.remove_key(ctx, slot.id).error().code() == ErrorCode::precondition_failed);
  }
}
