// Creating a repository that dies anywhere, or is done by two at once.
#include <doctest/doctest.h>

#include <thread>

#include "crash/memory_tree.hpp"
#include "repo/layout.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

const KeyFile& key_file() {
  static const KeyFile file = *KeyFile::generate();
  return file;
}

CreateOptions two_ways() {
  CreateOptions options = cheap_password("pw");
  options.recipients.push_back(key_file().public_key);
  return options;
}

std::size_t slots_in(Storage& storage) {
  const auto keys = repo::list_keys(Context(), storage, "keys/");
  REQUIRE(keys.ok());
  return keys->size();
}

// Both ways in work, nothing of another repository disturbs, and backups come back.
void must_be_usable(const StoragePtr& storage) {
  auto repository = Repository::open(Context(), storage, opening("pw"));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  OpenOptions with_key;
  with_key.credential.key = key_file().secret_key.clone();
  REQUIRE(Repository::open(Context(), storage, std::move(with_key)).ok());
  const auto keys = repository->keys(Context());
  REQUIRE_MESSAGE(keys.ok(), keys.error().to_string());
  CHECK(keys->size() == 2);
  const MemoryTree tree = random_tree(1, 2, 300);
  const auto snapshot = backup_tree(Context(), *repository, tree);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  CHECK(*restore_tree(Context(), *repository, *snapshot) == tree);
  CHECK(repository->rotate_key(Context(), opening("pw").credential).ok());
}

}  // namespace

TEST_CASE("an init that dies at any storage call: the next one succeeds, or finds the repository whole") {
  for (const FaultKind kind :
       {FaultKind::crash_before, FaultKind::crash_after, FaultKind::fail, FaultKind::lost_answer}) {
    unsigned cut = 0;
    // More than it makes.
    for (std::uint64_t nth = 1; nth <= 16; ++nth) {
      CAPTURE(nth);
      const StoragePtr storage = make_memory_storage();
      // Twice, so that leftovers of several inits come together.
      for (int attempt = 0; attempt < 2; ++attempt) {
        const auto died =
            Repository::create(Context(), with_faults(storage, {.faults = {{.kind = kind, .nth = nth}}}), two_ways());
        if (died) break;
        ++cut;
      }
      const bool exists = storage->stat(Context(), "config").ok();
      const auto again = Repository::create(Context(), storage, two_ways());
      if (exists) {
        REQUIRE_FALSE(again.ok());
        CHECK(again.error().code() == ErrorCode::already_exists);
      } else {
        REQUIRE_MESSAGE(again.ok(), again.error().to_string());
        CHECK(slots_in(*storage) == 2);
      }
      must_be_usable(storage);
    }
    CHECK(cut >= 6);
  }
}

TEST_CASE("eight inits at once: exactly one wins, and its slots stay") {
  for (int round = 0; round < 10; ++round) {
    const StoragePtr storage = make_memory_storage();
    REQUIRE_FALSE(Repository::create(Context(),
                                     with_faults(storage, {.faults = {{.kind = FaultKind::crash_after, .nth = 4}}}),
                                     two_ways())
                      .ok());
    std::atomic<int> won{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto made = Repository::create(Context(), storage, two_ways());
        if (made) ++won;
        if (!made && made.error().code() != ErrorCode::already_exists) ++wrong;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(won == 1);
    CHECK(wrong == 0);
    must_be_usable(storage);
  }
}

TEST_CASE("a place that holds anything but key slots is refused as before") {
  for (const char* key : {"data/aa/x", "keys/not-a-slot",
                          "snapshots/"
                          "00000000000000000000000000000000"}) {
    const StoragePtr storage = make_memory_storage();
    REQUIRE(storage->put(Context(), key, Bytes(3), {}).ok());
    const auto made = Repository::create(Context(), storage, two_ways());
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().code() == ErrorCode::precondition_failed);
  }
}
