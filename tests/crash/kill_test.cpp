// Processes killed with SIGKILL at random moments, on a real directory: what was committed stays, what was begun is
// taken up again.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>
#include <thread>

#include <drkit/sources.hpp>

#include "crash/memory_tree.hpp"
#include "testing/process.hpp"
#include "testing/temp_dir.hpp"
#include "testing/tree_compare.hpp"
#include "testing/tree_generator.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

Result<Repository> open_local(const std::string& path) {
  DRKIT_ASSIGN(StoragePtr storage, make_local_storage(path));
  DRKIT_ASSIGN(Repository repository, Repository::open(Context(), std::move(storage), opening("pw")));
  use_small_packs(repository, 64 << 10, 256 << 10);
  return repository;
}

Result<Snapshot> back_up(const std::string& repository_path, const std::string& tree) {
  DRKIT_ASSIGN(Repository repository, open_local(repository_path));
  DRKIT_ASSIGN(const std::unique_ptr<Source> source, make_filesystem_source(tree));
  return backup(Context(), repository, *source);
}

Result<void> restore_to(const std::string& repository_path, const std::string& id, const std::string& place,
                        bool delta) {
  DRKIT_ASSIGN(const Repository repository, open_local(repository_path));
  DRKIT_ASSIGN(const Snapshot snapshot, repository.find_snapshot(Context(), id));
  DRKIT_ASSIGN(const std::unique_ptr<RestoreTarget> target, make_filesystem_target(place));
  RestoreOptions options;
  options.delta = delta;
  DRKIT_ASSIGN(const RestoreResult result, restore(Context(), repository, snapshot, *target, options));
  return result.status == Status::complete ? Result<void>() : Error(ErrorCode::internal, "not complete");
}

/// A directory with a tree and a repository that holds its first state.
struct Place {
  explicit Place(std::uint64_t seed) {
    REQUIRE(::mkdir(tree.c_str(), 0755) == 0);
    REQUIRE(generate_tree(tree, seed));
    REQUIRE(
        Repository::create(Context(), *make_local_storage(repository, {.create = true}), cheap_password("pw")).ok());
  }
  TempDir dir;
  std::string tree = dir / "tree";
  std::string repository = dir / "repository";
};

void must_be_equal(const std::string& a, const std::string& b) {
  const auto differences = compare_trees(a, b);
  REQUIRE_MESSAGE(differences.empty(), (differences.empty() ? "" : differences.front()));
}

std::chrono::microseconds time_of(const std::function<void()>& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
}

// Kills the work at a random moment of its usual time. True when it had ended well before.
bool run_and_kill(SeededRandom& random, std::chrono::microseconds usual, const std::function<int()>& work) {
  Child child(work);
  REQUIRE(child.started());
  std::this_thread::sleep_for(std::chrono::microseconds(random.below(static_cast<std::uint64_t>(usual.count()) + 1)));
  return child.kill_now() == 0;
}

}  // namespace

TEST_CASE("backups killed at random moments") {
  SeededRandom random(4711);
  Place place(31);
  std::size_t committed = 0;
  const auto usual = time_of([&] {
    REQUIRE(back_up(place.repository, place.tree).ok());
    ++committed;
  });
  unsigned killed = 0;
  for (unsigned round = 0; round < 12; ++round) {
    CAPTURE(round);
    REQUIRE(mutate_tree(place.tree, 1000 + round));
    const bool ended = run_and_kill(random, usual, [&] { return back_up(place.repository, place.tree).ok() ? 0 : 1; });
    killed += ended ? 0 : 1;
    auto repository = open_local(place.repository);
    REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
    const auto snapshots = repository->snapshots(Context());
    REQUIRE_MESSAGE(snapshots.ok(), snapshots.error().to_string());
    REQUIRE(snapshots->size() >= committed + (ended ? 1 : 0));
    REQUIRE(snapshots->size() <= committed + 1);
    if (snapshots->size() > committed) {
      const std::string restored = place.dir / "killed" + std::to_string(round);
      REQUIRE(restore_to(place.repository, snapshots->back().id, restored, false).ok());
      must_be_equal(place.tree, restored);
    }
    const auto again = back_up(place.repository, place.tree);
    REQUIRE_MESSAGE(again.ok(), again.error().to_string());
    committed = snapshots->size() + 1;
    const std::string restored = place.dir / "again" + std::to_string(round);
    REQUIRE(restore_to(place.repository, again->id, restored, false).ok());
    must_be_equal(place.tree, restored);
  }
  MESSAGE(killed << " of 12 backups were killed before their end");
  CHECK(killed > 0);
}

TEST_CASE("restores killed at random moments, then done again over what they left") {
  SeededRandom random(815);
  Place place(32);
  const auto first = back_up(place.repository, place.tree);
  REQUIRE(first.ok());
  const std::string kept = place.dir / "first";
  const auto usual = time_of([&] { REQUIRE(restore_to(place.repository, first->id, kept, false).ok()); });
  REQUIRE(mutate_tree(place.tree, 5));
  const auto second = back_up(place.repository, place.tree);
  REQUIRE(second.ok());
  const std::string restored = place.dir / "restored";
  unsigned killed = 0;
  for (unsigned round = 0; round < 12; ++round) {
    CAPTURE(round);
    const bool newer = round % 2 == 0;
    const std::string& id = newer ? second->id : first->id;
    killed += run_and_kill(random, usual, [&] { return restore_to(place.repository, id, restored, true).ok() ? 0 : 1; })
                  ? 0
                  : 1;
    const auto done = restore_to(place.repository, id, restored, true);
    REQUIRE_MESSAGE(done.ok(), done.error().to_string());
    must_be_equal(newer ? place.tree : kept, restored);
  }
  MESSAGE(killed << " of 12 restores were killed before their end");
  CHECK(killed > 0);
}
