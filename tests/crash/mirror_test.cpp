// A repository over two copies, and one under a cache: what is wrong in one place is neither restored nor passed over.
#include <doctest/doctest.h>

#include <set>

#include <drkit/check.hpp>
#include <drkit/mirror.hpp>

#include "crash/memory_tree.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

constexpr std::uint64_t kAlways = 1'000'000;

bool is_pack(const std::string& key) { return key.starts_with("data/") || key.starts_with("meta/"); }

enum class Damage { flipped, shortened, lengthened, emptied };
constexpr Damage kDamages[] = {Damage::flipped, Damage::shortened, Damage::lengthened, Damage::emptied};

Bytes damaged(Bytes bytes, Damage how) {
  switch (how) {
    case Damage::flipped:
      bytes[bytes.size() / 2] ^= std::byte{1};
      break;
    case Damage::shortened:
      bytes.resize(bytes.size() / 3);
      break;
    case Damage::lengthened:
      bytes.push_back(std::byte{0});
      break;
    case Damage::emptied:
      bytes.clear();
      break;
  }
  return bytes;
}

struct TwoCopies {
  StoragePtr copy[2] = {make_memory_storage(), make_memory_storage()};
  std::shared_ptr<CallCounts> counts = std::make_shared<CallCounts>();
  MemoryTree tree = random_tree(11, 12, 9000);
  Snapshot snapshot;

  TwoCopies() {
    const StoragePtr storage = open();
    REQUIRE(Repository::create(Context(), storage, cheap_password("pw")).ok());
    auto repository = Repository::open(Context(), storage, opening("pw"));
    REQUIRE(repository.ok());
    use_small_packs(*repository, 4000, 20'000);
    const auto made = backup_tree(Context(), *repository, tree);
    REQUIRE_MESSAGE(made.ok(), made.error().to_string());
    snapshot = *made;
  }
  /// A mirror that knows nothing yet.
  StoragePtr open() const { return mirror({with_faults(copy[0], {}, counts), copy[1]})->storage; }
  /// Keys that were damaged.
  std::set<std::string> damage(int number, Damage how, bool packs_only) const {
    std::set<std::string> keys;
    for (const auto& [key, bytes] : objects_of(*copy[number])) {
      if (packs_only && !is_pack(key)) continue;
      REQUIRE(copy[number]->put(Context(), key, damaged(bytes, how), {}).ok());
      keys.insert(key);
    }
    REQUIRE(keys.size() > 4);
    return keys;
  }
};

Result<MemoryTree> restored(const StoragePtr& storage, const Snapshot& snapshot) {
  DRKIT_ASSIGN(const Repository repository, Repository::open(Context(), storage, opening("pw")));
  return restore_tree(Context(), repository, snapshot);
}

std::set<std::string> subjects(const Report& report, const std::string& code, const std::string& in_message) {
  std::set<std::string> keys;
  for (const Finding& finding : report.findings) {
    const bool meant = finding.code == code && finding.severity == Severity::damage;
    if (meant && finding.message.find(in_message) != std::string::npos) keys.insert(finding.subject);
  }
  return keys;
}

}  // namespace

TEST_CASE("every object of one copy is damaged: restores are exact, and the copies are mended") {
  for (const int number : {0, 1}) {
    for (const Damage how : kDamages) {
      CAPTURE(number);
      CAPTURE(static_cast<int>(how));
      const TwoCopies two;
      two.damage(number, how, false);
      const StoragePtr storage = two.open();
      const auto tree = restored(storage, two.snapshot);
      REQUIRE_MESSAGE(tree.ok(), tree.error().to_string());
      CHECK(*tree == two.tree);
      const auto left = settle_mirror(Context(), storage);
      REQUIRE(left.ok());
      CHECK(left->left.empty());
      // What was met, or has another size, is whole again.
      if (how != Damage::flipped) CHECK(objects_of(*two.copy[0]) == objects_of(*two.copy[1]));
    }
  }
}

TEST_CASE("a damaged pack is read as a whole once, however many of its frames are wanted") {
  const TwoCopies two;
  const auto gets_of_check = [&] {
    two.counts->get = 0;
    const auto repository = Repository::open(Context(), with_faults(two.copy[0], {}, two.counts), opening("pw"));
    REQUIRE(repository.ok());
    CheckOptions options;
    options.level = CheckLevel::chunks;
    const auto report = check(Context(), *repository, &two.snapshot, {}, options);
    REQUIRE_MESSAGE(report.ok(), report.error().to_string());
    return std::pair{two.counts->get.load(), report->ok()};
  };
  const auto [before, sound] = gets_of_check();
  CHECK(sound);
  std::uint64_t packs = 0;
  for (const auto& [key, bytes] : objects_of(*two.copy[0])) {
    if (!key.starts_with("data/")) continue;
    REQUIRE(two.copy[0]->put(Context(), key, Bytes(bytes.size()), {}).ok());
    ++packs;
  }
  REQUIRE(packs > 2);
  const auto [after, still_sound] = gets_of_check();
  CHECK_FALSE(still_sound);
  CHECK(after == before + packs);
}

TEST_CASE("a transfer that goes wrong costs another one, not the restore") {
  const TwoCopies two;
  for (const FaultKind kind : {FaultKind::bit_flip, FaultKind::truncate}) {
    for (const std::string prefix : {"data/", "meta/"}) {
      CAPTURE(prefix);
      const Fault once{.kind = kind, .call = StorageCall::get, .key_prefix = prefix, .position = 77};
      const auto tree = restored(with_faults(two.copy[1], {.faults = {once}}), two.snapshot);
      REQUIRE_MESSAGE(tree.ok(), tree.error().to_string());
      CHECK(*tree == two.tree);
    }
  }
}

TEST_CASE("a check looks at every copy, and names the one that is bad or lacks something") {
  for (const int number : {0, 1}) {
    CAPTURE(number);
    const TwoCopies two;
    const auto bad = two.damage(number, Damage::flipped, true);
    const std::string name = "copy " + std::to_string(number + 1) + ", ";
    const auto without_key = check_objects(Context(), *two.open());
    REQUIRE(without_key.ok());
    CHECK(subjects(*without_key, "object_damaged", name) == bad);
    CHECK(without_key->findings.size() == bad.size());
    const auto repository = Repository::open(Context(), two.open(), opening("pw"));
    REQUIRE(repository.ok());
    for (const CheckLevel level : {CheckLevel::objects, CheckLevel::chunks}) {
      CheckOptions options;
      options.level = level;
      const auto report = check(Context(), *repository, nullptr, {}, options);
      REQUIRE_MESSAGE(report.ok(), report.error().to_string());
      CHECK_FALSE(report->ok());
      CHECK(subjects(*report, "object_damaged", name) == bad);
    }
  }
  const TwoCopies two;
  std::set<std::string> gone;
  for (const auto& [key, bytes] : objects_of(*two.copy[1])) {
    if (is_pack(key)) REQUIRE(two.copy[1]->remove(Context(), key).ok());
    if (is_pack(key)) gone.insert(key);
  }
  const auto report = check_objects(Context(), *two.open());
  REQUIRE(report.ok());
  CHECK(subjects(*report, "object_missing", "copy 2, ") == gone);
  CHECK(report->findings.size() == gone.size());
  const FaultPlan away{.faults = {{.kind = FaultKind::fail, .call = StorageCall::get, .times = kAlways}}};
  const auto half = mirror({two.copy[0], with_faults(two.copy[0], away)}, {.quorum = 1});
  // Could not look: no finding, and no sound repository.
  const auto refused = check_objects(Context(), *half->storage);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::unavailable);
}

TEST_CASE("a copy that nothing is wrong with has no findings") {
  const TwoCopies two;
  const auto report = check_objects(Context(), *two.open());
  REQUIRE(report.ok());
  CHECK(report->findings.empty());
  REQUIRE(report->runs.size() == 1);
  CHECK(report->runs[0].looked_at == 2 * objects_of(*two.copy[0]).size());
}

TEST_CASE("under a cache a bad transfer is over with the next one, and a check reads the storage") {
  const TwoCopies two;
  const TempDir dir;
  const Fault always{
      .kind = FaultKind::bit_flip, .call = StorageCall::get, .times = kAlways, .key_prefix = "data/", .position = 999};
  const auto bad = with_cache(with_faults(two.copy[0], {.faults = {always}}), dir.path(), 1 << 30);
  const auto good = with_cache(two.copy[0], dir.path(), 1 << 30);
  REQUIRE(bad.ok());
  REQUIRE(good.ok());
  CHECK_FALSE(restored(*bad, two.snapshot).ok());
  const auto tree = restored(*good, two.snapshot);
  REQUIRE_MESSAGE(tree.ok(), tree.error().to_string());
  CHECK(*tree == two.tree);
  for (const auto& [key, bytes] : objects_of(*two.copy[0])) REQUIRE((*good)->get(Context(), key, {}).ok());
  const auto keys = two.damage(0, Damage::flipped, true);
  for (const bool mirrored : {false, true}) {
    const StoragePtr storage = mirrored ? mirror({*good, two.copy[1]})->storage : *good;
    const auto report = check_objects(Context(), *storage);
    REQUIRE(report.ok());
    CHECK(subjects(*report, "object_damaged", mirrored ? "copy 1, " : "") == keys);
  }
}
