// A snapshot whose object is damaged: it is said, it blocks nobody, and history stays whole around it.
#include <doctest/doctest.h>

#include <drkit/check.hpp>

#include "crash/memory_tree.hpp"
#include "crash/warning_log.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

struct Known {
  std::string id;
  MemoryTree tree;
};

/// Two snapshots.
struct Subject {
  Objects objects;
  std::vector<Known> snapshots;  ///< oldest first

  Subject() {
    const StoragePtr storage = make_memory_storage();
    auto repository = Repository::create(Context(), storage, cheap_password("pw"));
    REQUIRE(repository.ok());
    MemoryTree tree = random_tree(3, 4, 150);
    for (int i = 0; i < 2; ++i) {
      const auto snapshot = backup_tree(Context(), *repository, tree);
      REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
      snapshots.push_back({snapshot->id, tree});
      tree = changed_tree(tree, 4);
    }
    objects = objects_of(*storage);
  }
};

std::string named_key(const Error& error) {
  for (const auto& [key, value] : error.context()) {
    if (key == "key") return value;
  }
  return {};
}

}  // namespace

TEST_CASE("one damaged snapshot: the others restore by their ids, new backups go on, it is reported until forgotten") {
  const Context ctx;
  Subject subject;
  const std::string damaged = "snapshots/" + subject.snapshots[1].id;
  subject.objects[damaged][100] ^= std::byte{4};
  const StoragePtr storage = storage_of(subject.objects);
  auto repository = Repository::open(ctx, storage, opening("pw"));
  REQUIRE(repository.ok());
  const auto all = repository->snapshots(ctx);
  REQUIRE_FALSE(all.ok());
  CHECK(named_key(all.error()) == damaged);
  // Who takes the damaged one apart sees the others, and nobody is given an older one for the latest.
  std::vector<DamagedSnapshot> apart;
  const auto others = repository->snapshots(ctx, {}, &apart);
  REQUIRE_MESSAGE(others.ok(), others.error().to_string());
  REQUIRE(others->size() == 1);
  CHECK(others->front().id == subject.snapshots[0].id);
  REQUIRE(apart.size() == 1);
  CHECK(apart.front().id == subject.snapshots[1].id);
  CHECK(apart.front().error.code() == ErrorCode::corrupt);
  CHECK(repository->find_snapshot(ctx, "latest").error().code() == ErrorCode::corrupt);
  CHECK(repository->find_snapshot_id(ctx, "latest").error().code() == ErrorCode::corrupt);
  CHECK(*repository->find_snapshot_id(ctx, subject.snapshots[1].id.substr(0, 8)) == subject.snapshots[1].id);
  CHECK(repository->find_snapshot(ctx, subject.snapshots[1].id).error().code() == ErrorCode::corrupt);
  const auto good = repository->find_snapshot(ctx, subject.snapshots[0].id);
  REQUIRE_MESSAGE(good.ok(), good.error().to_string());
  const auto tree = restore_tree(ctx, *repository, *good);
  REQUIRE(tree.ok());
  CHECK(*tree == subject.snapshots[0].tree);
  // Backups go on, say what is damaged, and are whole.
  std::vector<Snapshot> later;
  for (int i = 0; i < 2; ++i) {
    WarningLog log;
    const auto made = backup_tree(log.context(), *repository, subject.snapshots[1].tree);
    REQUIRE_MESSAGE(made.ok(), made.error().to_string());
    CHECK(log.names(damaged));
    CHECK(*restore_tree(ctx, *repository, *made) == subject.snapshots[1].tree);
    later.push_back(*made);
  }
  CHECK(named_key(repository->snapshots(ctx).error()) == damaged);
  CheckOptions options;
  options.level = CheckLevel::chunks;
  const auto report = check(ctx, *repository, nullptr, {}, options);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  CHECK(std::any_of(report->findings.begin(), report->findings.end(), [&](const Finding& finding) {
    return finding.severity == Severity::damage && finding.subject == subject.snapshots[1].id;
  }));
  // History holds: taken away the damaged one is missed, healed all is well, and later ones are fixed by their digests.
  const auto list_afresh = [&] { return Repository::open(ctx, storage, opening("pw"))->snapshots(ctx); };
  const Bytes kept = *storage->get(ctx, damaged, {});
  REQUIRE(storage->remove(ctx, damaged).ok());
  CHECK(named_key(list_afresh().error()) == damaged);
  Bytes healed = kept;
  healed[100] ^= std::byte{4};
  REQUIRE(storage->put(ctx, damaged, healed, {}).ok());
  CHECK(list_afresh()->size() == 4);
  REQUIRE(storage->remove(ctx, "snapshots/" + later[0].id).ok());
  CHECK(named_key(list_afresh().error()) == "snapshots/" + later[0].id);
  REQUIRE(repository->forget(ctx, later[0].id).ok());
  REQUIRE(storage->put(ctx, damaged, kept, {}).ok());
  REQUIRE(repository->forget(ctx, subject.snapshots[1].id).ok());
  CHECK(list_afresh()->size() == 2);
  CHECK(backup_tree(ctx, *repository, subject.snapshots[1].tree).ok());
}

TEST_CASE("objects of names that are no ids are somebody else's: nothing fails because of them, nothing removes them") {
  const Context ctx;
  const Subject subject;
  const StoragePtr storage = storage_of(subject.objects);
  const std::vector<std::string> strays = {"snapshots/notes.txt", "forgotten/x", "keys/old/0123", "index/readme",
                                           "data/ab/ab",          "other/thing", "leases/stray"};
  for (const std::string& key : strays) REQUIRE(storage->put(ctx, key, Bytes(5), {}).ok());
  auto repository = Repository::open(ctx, storage, opening("pw"));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  CHECK(repository->keys(ctx)->size() == 1);
  const auto made = backup_tree(ctx, *repository, subject.snapshots[1].tree);
  REQUIRE_MESSAGE(made.ok(), made.error().to_string());
  CHECK(*restore_tree(ctx, *repository, *made) == subject.snapshots[1].tree);
  CHECK(repository->snapshots(ctx)->size() == 3);
  CHECK(repository->rotate_key(ctx, opening("pw").credential).ok());
  for (const std::string& key : strays) CHECK(storage->stat(ctx, key).ok());
}
