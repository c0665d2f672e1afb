// An index object that rotted: what it listed is still there, and says so itself.
#include <doctest/doctest.h>

#include <drkit/check.hpp>

#include "crash/memory_tree.hpp"
#include "crash/warning_log.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

std::vector<std::string> index_objects(const StoragePtr& storage) {
  std::vector<std::string> keys;
  for (const auto& [key, bytes] : objects_of(*storage)) {
    if (key.starts_with("index/")) keys.push_back(key);
  }
  return keys;
}

Repository must_open(const StoragePtr& storage) {
  auto opened = Repository::open(Context(), storage, opening("pw"));
  REQUIRE_MESSAGE(opened.ok(), opened.error().to_string());
  return std::move(*opened);
}

}  // namespace

TEST_CASE("a damaged index object stops neither restores nor backups, and is named") {
  const StoragePtr storage = make_memory_storage();
  REQUIRE(Repository::create(Context(), storage, cheap_password("pw")).ok());
  const MemoryTree tree = random_tree(3, 5, 3000);
  Repository repository = must_open(storage);
  const auto first = backup_tree(Context(), repository, tree);
  REQUIRE(first.ok());
  const auto keys = index_objects(storage);
  REQUIRE(keys.size() == 1);
  Bytes bytes = *storage->get(Context(), keys.front(), {});
  bytes[bytes.size() / 2] ^= std::byte{1};
  REQUIRE(storage->put(Context(), keys.front(), bytes, {}).ok());

  WarningLog log;
  const Repository reader = must_open(storage);
  CHECK(*restore_tree(log.context(), reader, *first) == tree);
  CHECK(log.names(keys.front()));
  CheckOptions options;
  options.level = CheckLevel::chunks;
  const auto report = check(Context(), reader, &*first, {}, options);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  REQUIRE(report->findings.size() == 1);
  CHECK(report->findings[0].subject == keys.front());

  // The damaged object may have condemned any pack: what is written meanwhile counts on none.
  Repository writer = reader;
  const auto second = backup_tree(Context(), writer, tree);
  REQUIRE_MESSAGE(second.ok(), second.error().to_string());
  CHECK(second->stats.chunks_new == second->stats.chunks);
  REQUIRE(storage->remove(Context(), keys.front()).ok());
  REQUIRE(backup_tree(Context(), writer, tree).ok());
  const Repository after = must_open(storage);
  CHECK(*restore_tree(Context(), after, *first) == tree);
  CHECK(*restore_tree(Context(), after, *second) == tree);
}

TEST_CASE("index objects that are gone stop no restore: the packs say what they hold") {
  const StoragePtr storage = make_memory_storage();
  REQUIRE(Repository::create(Context(), storage, cheap_password("pw")).ok());
  const MemoryTree tree = random_tree(4, 5, 3000);
  Repository repository = must_open(storage);
  const auto snapshot = backup_tree(Context(), repository, tree);
  REQUIRE(snapshot.ok());
  for (const std::string& key : index_objects(storage)) REQUIRE(storage->remove(Context(), key).ok());
  WarningLog log;
  const Repository reader = must_open(storage);
  CHECK(*restore_tree(log.context(), reader, *snapshot) == tree);
  CHECK(log.names("no index object"));
  CheckOptions options;
  options.level = CheckLevel::chunks;
  const auto report = check(Context(), must_open(storage), &*snapshot, {}, options);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  // The loss is told, and is the only one.
  REQUIRE(report->findings.size() == 1);
  CHECK(report->findings[0].code == "index_missing");
  // A pack that is gone, too, is what is missing then.
  for (const auto& [key, bytes] : objects_of(*storage)) {
    if (key.starts_with("data/")) REQUIRE(storage->remove(Context(), key).ok());
  }
  CHECK(restore_tree(Context(), must_open(storage), *snapshot).error().code() == ErrorCode::corrupt);
}
