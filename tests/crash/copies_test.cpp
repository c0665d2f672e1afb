// A chunk that is stored twice: whatever happens to one copy, the other one serves; what is wrong is said.
#include <doctest/doctest.h>

#include <drkit/check.hpp>

#include "crash/memory_tree.hpp"
#include "crash/warning_log.hpp"
#include "repo/stock.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

bool is_pack(const std::string& key) { return key.starts_with("data/") || key.starts_with("meta/"); }

/// Everything in two packs: made by two backups that did not know of each other.
struct Twice {
  StoragePtr storage = make_memory_storage();
  MemoryTree tree = random_tree(7, 5, 3000);
  std::vector<std::string> first;   ///< packs
  std::vector<std::string> second;  ///< packs with the same chunks
  Snapshot snapshot;

  Twice() {
    REQUIRE(Repository::create(Context(), storage, cheap_password("pw")).ok());
    back_up_alone(first);
    // Hidden for a while, the first packs count as gone, so all of it is stored again.
    std::map<std::string, Bytes> hidden;
    for (const std::string& key : first) {
      hidden[key] = *storage->get(Context(), key, {});
      REQUIRE(storage->remove(Context(), key).ok());
    }
    back_up_alone(second);
    for (const auto& [key, bytes] : hidden) REQUIRE(storage->put(Context(), key, bytes, {}).ok());
    std::erase_if(second, [&](const std::string& key) { return hidden.contains(key); });
    REQUIRE(first.size() >= 2);
    REQUIRE(second.size() >= 2);
  }

  void back_up_alone(std::vector<std::string>& packs) {
    auto repository = Repository::open(Context(), storage, opening("pw"));
    REQUIRE(repository.ok());
    const auto made = backup_tree(Context(), *repository, tree);
    REQUIRE_MESSAGE(made.ok(), made.error().to_string());
    snapshot = *made;
    for (const auto& [key, bytes] : objects_of(*storage)) {
      if (is_pack(key)) packs.push_back(key);
    }
  }
};

void damage(Storage& storage, const std::string& key, int how) {
  Bytes bytes = *storage.get(Context(), key, {});
  switch (how) {
    case 0:
      REQUIRE(storage.remove(Context(), key).ok());
      return;
    case 1:  // in the first frame
      bytes[150] ^= std::byte{1};
      break;
    case 2:
      bytes.resize(bytes.size() / 2);
      break;
    default:  // the bytes of no pack at all
      std::fill(bytes.begin(), bytes.end(), std::byte{0x5a});
      break;
  }
  REQUIRE(storage.put(Context(), key, bytes, {}).ok());
}

Report check_all(const StoragePtr& storage) {
  const auto repository = Repository::open(Context(), storage, opening("pw"));
  REQUIRE(repository.ok());
  CheckOptions options;
  options.level = CheckLevel::chunks;
  auto report = check(Context(), *repository, nullptr, {}, options);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  return std::move(*report);
}

bool finds(const Report& report, const std::string& key) {
  return std::any_of(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
    return finding.severity == Severity::damage && finding.subject == key;
  });
}

}  // namespace

TEST_CASE("one of two copies is gone, flipped, cut or overwritten: restores are exact, logs and checks name the pack") {
  for (int how = 0; how < 4; ++how) {
    for (const bool first : {true, false}) {
      CAPTURE(how);
      CAPTURE(first);
      Twice twice;
      for (const std::string& key : first ? twice.first : twice.second) damage(*twice.storage, key, how);
      unsigned named = 0;
      // The order of copies is nobody's promise, so either may be tried first; a fresh handle each time.
      const auto repository = Repository::open(Context(), twice.storage, opening("pw"));
      REQUIRE(repository.ok());
      WarningLog log;
      const Context ctx = log.context();
      const auto restored = restore_tree(ctx, *repository, twice.snapshot);
      REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
      CHECK(*restored == twice.tree);
      const Report report = check_all(twice.storage);
      CHECK_FALSE(report.ok());
      for (const std::string& key : first ? twice.first : twice.second) {
        CHECK(finds(report, key));
        named += log.names(key) ? 1 : 0;
      }
      for (const std::string& key : first ? twice.second : twice.first) {
        CHECK_FALSE(log.names(key));
        CHECK_FALSE(finds(report, key));
      }
      // A bad copy that was met was named.
      CHECK((log.lines().empty() || named > 0));
    }
  }
}

TEST_CASE("the copy that is tried first is bad: it is named") {
  Twice twice;
  const Objects objects = objects_of(*twice.storage);
  // Which one is tried first nobody promises, but it is the same one both times.
  unsigned named = 0;
  for (const auto* bad : {&twice.first, &twice.second}) {
    const StoragePtr storage = storage_of(objects);
    for (const std::string& key : *bad) damage(*storage, key, 1);
    const auto repository = Repository::open(Context(), storage, opening("pw"));
    WarningLog log;
    REQUIRE(restore_tree(log.context(), *repository, twice.snapshot).ok());
    for (const std::string& key : *bad) named += log.names(key) ? 1 : 0;
  }
  CHECK(named >= 1);
}

TEST_CASE("both copies bad: corrupt, and the pack is named") {
  Twice twice;
  for (const auto* packs : {&twice.first, &twice.second}) {
    for (const std::string& key : *packs) {
      if (key.starts_with("data/")) damage(*twice.storage, key, 1);
    }
  }
  const auto repository = Repository::open(Context(), twice.storage, opening("pw"));
  const auto restored = restore_tree(Context(), *repository, twice.snapshot);
  REQUIRE_FALSE(restored.ok());
  CHECK(restored.error().code() == ErrorCode::corrupt);
  std::string named;
  for (const auto& [key, value] : restored.error().context()) {
    if (key == "key") named = value;
  }
  const bool first = std::find(twice.first.begin(), twice.first.end(), named) != twice.first.end();
  const bool second = std::find(twice.second.begin(), twice.second.end(), named) != twice.second.end();
  CHECK((first || second));
}

TEST_CASE("an index object that lies about where and how long chunks are costs nothing but a warning") {
  Twice twice;
  auto repository = Repository::open(Context(), twice.storage, opening("pw"));
  REQUIRE(repository.ok());
  // Every chunk of the first packs once more: in a pack that is not there, and one byte long.
  format::IndexSegment lies;
  std::uint8_t number = 0;
  for (const std::string& key : twice.first) {
    const auto object = twice.storage->stat(Context(), key);
    auto info = repo::read_pack_info(Context(), *repository->impl(), key, object->size_bytes);
    REQUIRE(info.ok());
    info->name.fill(static_cast<std::byte>(++number));
    for (format::FrameEntry& frame : info->directory) {
      for (format::ChunkSlot& chunk : frame.chunks) chunk.plain_bytes = 1;
    }
    lies.packs.push_back(std::move(*info));
  }
  REQUIRE(repo::put_index(Context(), *repository->impl(), lies).ok());
  const auto reopened = Repository::open(Context(), twice.storage, opening("pw"));
  const auto restored = restore_tree(Context(), *reopened, twice.snapshot);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  CHECK(*restored == twice.tree);
}
