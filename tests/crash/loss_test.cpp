// Every object that is taken away is missed by the check that has a key, and the snapshots that need it are named.
#include <doctest/doctest.h>

#include <set>

#include <drkit/check.hpp>

#include "crash/memory_tree.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

struct Subject {
  Objects objects;
  std::vector<Snapshot> snapshots;  ///< oldest first
};

Subject make_subject(unsigned files, std::size_t file_bytes, std::size_t pack_bytes) {
  Subject subject;
  const StoragePtr storage = make_memory_storage();
  auto repository = Repository::create(Context(), storage, cheap_password("pw"));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  use_small_packs(*repository, pack_bytes / 2, pack_bytes);
  MemoryTree tree = random_tree(3, files, file_bytes);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto snapshot = backup_tree(Context(), *repository, tree);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
    subject.snapshots.push_back(*snapshot);
    // The third has what the second has.
    if (i != 1) tree = changed_tree(tree, i + 4);
  }
  subject.objects = objects_of(*storage);
  return subject;
}

Repository must_open(const StoragePtr& storage) {
  auto repository = Repository::open(Context(), storage, opening("pw"));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  return std::move(*repository);
}

Report must_check(const Repository& repository, const Snapshot* snapshot = nullptr) {
  auto report = check(Context(), repository, snapshot, {}, {});
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  return std::move(*report);
}

std::vector<std::string> unrestorable(const Repository& repository, const Subject& subject) {
  std::vector<std::string> ids;
  for (const Snapshot& snapshot : subject.snapshots) {
    if (!restore_tree(Context(), repository, snapshot)) ids.push_back(snapshot.id);
  }
  return ids;
}

const Finding* find(const Report& report, const std::string& code, const std::string& subject) {
  for (const Finding& finding : report.findings) {
    if (finding.code == code && finding.subject == subject) return &finding;
  }
  return nullptr;
}

/// Snapshots that any damage names.
std::vector<std::string> hit(const Report& report, const Subject& subject) {
  std::set<std::string> named;
  for (const Finding& finding : report.findings) {
    if (finding.severity == Severity::damage) named.insert(finding.snapshots.begin(), finding.snapshots.end());
  }
  std::vector<std::string> ids;
  for (const Snapshot& snapshot : subject.snapshots) {
    if (named.contains(snapshot.id)) ids.push_back(snapshot.id);
  }
  return ids;
}

}  // namespace

TEST_CASE("whatever single object of the data is taken away, the check names it and exactly the snapshots it breaks") {
  const Subject subject = make_subject(20, 700, 1500);
  CHECK(must_check(must_open(storage_of(subject.objects))).ok());
  unsigned packs = 0;
  unsigned lists = 0;
  for (const auto& object : subject.objects) {
    const std::string& key = object.first;
    CAPTURE(key);
    const bool pack = key.starts_with("data/") || key.starts_with("meta/");
    if (!pack && !key.starts_with("index/")) continue;
    const StoragePtr storage = storage_of(subject.objects);
    REQUIRE(storage->remove(Context(), key).ok());
    const Repository repository = must_open(storage);
    const std::vector<std::string> broken = unrestorable(repository, subject);
    const Report report = must_check(repository);
    CHECK(report.status() == CheckStatus::damaged);
    if (!pack) {
      // Restores find what a lost index object listed; it is lost all the same.
      CHECK(broken.empty());
      CHECK_FALSE(hit(report, subject).empty());
      ++lists;
      continue;
    }
    CHECK(hit(report, subject) == broken);
    CHECK(find(report, "pack_missing", key) != nullptr);
    for (const Snapshot& snapshot : subject.snapshots) {
      const bool named = std::count(broken.begin(), broken.end(), snapshot.id) != 0;
      const Report one = must_check(repository, &snapshot);
      CHECK((hit(one, subject) == std::vector<std::string>{snapshot.id}) == named);
    }
    ++packs;
  }
  CHECK(packs >= 10);
  CHECK(lists >= 3);
}

TEST_CASE("a lost index object shows as chunks that nothing lists, and the next backup puts it right") {
  const Subject subject = make_subject(20, 700, 1500);
  const StoragePtr storage = storage_of(subject.objects);
  for (const auto& [key, bytes] : subject.objects) {
    if (key.starts_with("index/")) REQUIRE(storage->remove(Context(), key).ok());
  }
  Repository repository = must_open(storage);
  const Report report = must_check(repository);
  CHECK(hit(report, subject).size() == subject.snapshots.size());
  std::size_t unlisted = 0;
  for (const Finding& finding : report.findings) unlisted += finding.code == "pack_unlisted" ? 1 : 0;
  std::size_t packs = 0;
  for (const auto& [key, bytes] : subject.objects) packs += key.starts_with("data/") || key.starts_with("meta/");
  CHECK(unlisted == packs);
  REQUIRE(backup_tree(Context(), repository, random_tree(9, 1, 10)).ok());
  CHECK(must_check(repository).ok());
}

TEST_CASE("leaves that snapshots share are read once and count for each of them") {
  const Subject subject = make_subject(2500, 24, 1 << 15);
  for (const auto& object : subject.objects) {
    const std::string& key = object.first;
    if (!key.starts_with("data/")) continue;
    CAPTURE(key);
    const StoragePtr storage = storage_of(subject.objects);
    REQUIRE(storage->remove(Context(), key).ok());
    const Repository repository = must_open(storage);
    const Report report = must_check(repository);
    const Finding* finding = find(report, "pack_missing", key);
    REQUIRE(finding != nullptr);
    CHECK(finding->snapshots == unrestorable(repository, subject));
    CHECK_FALSE(finding->snapshots.empty());
  }
}

TEST_CASE("a snapshot that others know of, the configuration and the last key slot are missed through an open handle") {
  const Subject subject = make_subject(5, 100, 1500);
  const StoragePtr storage = storage_of(subject.objects);
  const Repository repository = must_open(storage);
  REQUIRE(must_check(repository).ok());
  const std::string snapshot = "snapshots/" + subject.snapshots.front().id;
  for (const auto& object : subject.objects) {
    const std::string& key = object.first;
    const bool slot = key.starts_with("keys/");
    if (!slot && key != "config" && key != snapshot) continue;
    CAPTURE(key);
    REQUIRE(storage->remove(Context(), key).ok());
    const Report report = must_check(repository);
    CHECK(report.status() == CheckStatus::damaged);
    const char* code = slot ? "no_key_slot" : key == "config" ? "config_missing" : "snapshot_missing";
    CHECK(std::any_of(report.findings.begin(), report.findings.end(),
                      [&](const Finding& finding) { return finding.code == code; }));
    REQUIRE(storage->put(Context(), key, object.second, {}).ok());
  }
  CHECK(must_check(repository).ok());
}

TEST_CASE("options that the level has no use for, and samples of nothing, are refused") {
  const Subject subject = make_subject(5, 100, 1500);
  const Repository repository = must_open(storage_of(subject.objects));
  const auto option_of = [&](const CheckOptions& options, const Snapshot* snapshot = nullptr) -> std::string {
    const auto report = check(Context(), repository, snapshot, {}, options);
    if (report.ok()) return "";
    CHECK(report.error().code() == ErrorCode::invalid_argument);
    for (const auto& [key, value] : report.error().context()) {
      if (key == "option" || key == "highest") return value;
    }
    return "?";
  };
  CheckOptions options;
  options.sql = {"SELECT 1"};
  CHECK(option_of(options) == "sql");
  options = {};
  options.scratch_parent = "/elsewhere";
  CHECK(option_of(options) == "scratch_parent");
  options = {};
  options.server_bin_directory = "/bin";
  options.level = CheckLevel::files;
  CHECK(option_of(options) == "server_bin_directory");
  for (const unsigned percent : {0U, 101U}) {
    options = {};
    options.sample_percent = percent;
    CHECK(option_of(options) == "sample_percent");
    CHECK(check_objects(Context(), *storage_of(subject.objects), percent).error().code() ==
          ErrorCode::invalid_argument);
  }
  options = {};
  options.level = CheckLevel::boot;
  CHECK(option_of(options) == "chunks");
  CHECK(option_of(options, &subject.snapshots.front()) == "chunks");
  options.level = CheckLevel::files;
  options.sample_percent = 50;
  CHECK(option_of(options, &subject.snapshots.front()) == "sample_percent");
}
