// Whoever looks at every copy looks through every decorator.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <drkit/backup.hpp>
#include <drkit/check.hpp>
#include <drkit/mirror.hpp>
#include <drkit/sources.hpp>

#include "testing/memory_repository.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

struct Decorator {
  std::string name;  ///< of the public function
  std::function<StoragePtr(StoragePtr)> wrap;
};

std::vector<Decorator> decorators(const TempDir& dir) {
  return {
      {"with_retry", [](StoragePtr inner) { return with_retry(std::move(inner)); }},
      {"with_throttle", [](StoragePtr inner) { return with_throttle(std::move(inner), {}); }},
      {"with_concurrency", [](StoragePtr inner) { return with_concurrency(std::move(inner), 4); }},
      {"with_cache",
       [&dir](StoragePtr inner) {
         auto cached = with_cache(std::move(inner), dir / "cache", 1 << 20);
         REQUIRE(cached.ok());
         return std::move(*cached);
       }},
      {"read_only", [](StoragePtr inner) { return read_only(std::move(inner)); }},
      {"with_faults", [](StoragePtr inner) { return with_faults(std::move(inner), {}); }},
  };
}

std::string text_of_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string text_of(Storage& storage, const std::string& key) {
  const auto bytes = storage.get({}, key, {});
  return bytes.ok() ? std::string(as_text(*bytes)) : words(bytes);
}

/// Two places and a mirror over them.
struct TwoCopies {
  StoragePtr first = make_memory_storage();
  StoragePtr second = make_memory_storage();
  StoragePtr both;
  TwoCopies() {
    auto made = mirror({first, second});
    REQUIRE(made.ok());
    both = made->storage;
  }
};

CreateOptions cheap() {
  CreateOptions create;
  create.passwords.push_back(Secret::from_text("pw"));
  create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  return create;
}

std::string any_pack(Storage& storage) {
  std::string found;
  REQUIRE(storage
              .list({}, "data/",
                    [&](const ObjectInfo& info) {
                      found = info.key;
                      return false;
                    })
              .ok());
  REQUIRE_FALSE(found.empty());
  return found;
}

}  // namespace

TEST_CASE("no decorator is missing from the table of these tests") {
  const TempDir dir;
  std::set<std::string> tested;
  for (const Decorator& one : decorators(dir)) tested.insert(one.name);
  std::set<std::string> declared;
  const std::filesystem::path source(DRKIT_SOURCE_DIR);
  for (const auto& file : std::filesystem::recursive_directory_iterator(source / "include/drkit")) {
    if (!file.is_regular_file()) continue;
    const std::string text = text_of_file(file.path());
    const std::regex takes_a_storage(R"(DRKIT_API (?:Result<)?StoragePtr>? (\w+)\(\s*StoragePtr )");
    for (std::sregex_iterator it(text.begin(), text.end(), takes_a_storage), end; it != end; ++it) {
      declared.insert((*it)[1]);
    }
  }
  CHECK(declared == tested);
  // What holds another storage is a Decorator, which cannot forget it.
  const std::regex holds_one(R"(class (\w+) [^{;]*public (?:drkit::)?Storage\b[^{]*\{[^}]*StoragePtr inner)");
  for (const auto& file : std::filesystem::recursive_directory_iterator(source / "src")) {
    if (!file.is_regular_file() || file.path().filename() == "layered.hpp") continue;
    const std::string text = text_of_file(file.path());
    std::smatch found;
    CHECK_MESSAGE(!std::regex_search(text, found, holds_one), file.path().string() << ": " << found.str(1));
  }
}

TEST_CASE("through every decorator, and every two of them, the copies of a mirror are seen, decorated alike") {
  const TempDir dir;
  for (const Decorator& outer : decorators(dir)) {
    for (const Decorator& inner : decorators(dir)) {
      CAPTURE(outer.name);
      CAPTURE(inner.name);
      const TwoCopies copies;
      REQUIRE(copies.first->put({}, "k", as_bytes("first"), {}).ok());
      REQUIRE(copies.second->put({}, "k", as_bytes("second"), {}).ok());
      const StoragePtr decorated = outer.wrap(inner.wrap(copies.both));
      const std::vector<StoragePtr> seen = storage_copies(*decorated);
      REQUIRE(seen.size() == 2);
      CHECK(text_of(*seen[0], "k") == "first");
      CHECK(text_of(*seen[1], "k") == "second");
      const bool writable = outer.name != "read_only" && inner.name != "read_only";
      CHECK(seen[0]->info().writable == writable);
      CHECK(seen[1]->put({}, "new", as_bytes("x"), {}).ok() == writable);
      CHECK(mirror_control(decorated) != nullptr);
    }
  }
}

TEST_CASE("a decorated storage that is no mirror has no copies, and a cache one") {
  const TempDir dir;
  for (const Decorator& one : decorators(dir)) {
    CAPTURE(one.name);
    const StoragePtr memory = make_memory_storage();
    CHECK(storage_copies(*one.wrap(memory)).size() == (one.name == "with_cache" ? 1 : 0));
    CHECK(mirror_control(one.wrap(memory)) == nullptr);
  }
}

TEST_CASE("limits and faults of a decorator hold for the copies behind it together") {
  const TwoCopies copies;
  const auto counts = std::make_shared<CallCounts>();
  const StoragePtr storage =
      with_faults(copies.both, {.faults = {{.call = StorageCall::list, .nth = 2, .times = 1}}}, counts);
  const std::vector<StoragePtr> seen = storage_copies(*storage);
  REQUIRE(seen.size() == 2);
  const auto visit = [](const ObjectInfo&) { return true; };
  CHECK(seen[0]->list({}, "", visit).ok());
  CHECK_FALSE(seen[1]->list({}, "", visit).ok());
  CHECK(storage->list({}, "", visit).ok());
  CHECK(counts->list == 3);
}

TEST_CASE("a check looks at every copy of a mirror behind any decorator") {
  const TempDir dir;
  const TwoCopies copies;
  auto created = Repository::create({}, copies.both, cheap());
  REQUIRE_MESSAGE(created.ok(), words(created));
  auto source = make_process_source("echo content");
  REQUIRE(source.ok());
  REQUIRE(backup({}, *created, **source).ok());
  const std::string lost = any_pack(*copies.second);
  REQUIRE(copies.second->remove({}, lost).ok());
  for (const Decorator& one : decorators(dir)) {
    CAPTURE(one.name);
    OpenOptions options;
    options.credential.password = Secret::from_text("pw");
    const auto repository = Repository::open({}, one.wrap(copies.both), std::move(options));
    REQUIRE_MESSAGE(repository.ok(), words(repository));
    CheckOptions how;
    how.level = CheckLevel::objects;
    const auto report = check({}, *repository, nullptr, {}, how);
    REQUIRE_MESSAGE(report.ok(), words(report));
    const bool named = std::any_of(report->findings.begin(), report->findings.end(),
                                   [&](const Finding& finding) { return finding.subject == lost; });
    CHECK(named);
  }
}
