// The storage over a real OpenSSH server: the suite, a repository, and a distant server.
#include <doctest/doctest.h>

#include <filesystem>

#include <drkit/backup.hpp>
#include <drkit/probe.hpp>
#include <drkit/restore.hpp>
#include <drkit/sources.hpp>
#include <drkit/spi/conformance.hpp>
#include <drkit/storage.hpp>

#include "integration/sftp_support.hpp"
#include "testing/tree_compare.hpp"
#include "testing/tree_generator.hpp"

using namespace drkit;
using drkit::test::SshServer;
using drkit::testing::TempDir;
namespace fs = std::filesystem;

TEST_CASE("the sftp storage conforms") {
  const SshServer server;
  int number = 0;
  const auto results = run_storage_suite({}, [&] { return server.open("suite" + std::to_string(number++)); });
  CHECK(results.size() >= 18);
  for (const CaseResult& result : results) {
    INFO(result.name);
    CHECK_MESSAGE(!result.failure.has_value(), result.failure.value_or(""));
  }
  SUBCASE("and leaves no temporary file") {
    for (const auto& entry : fs::recursive_directory_iterator(server.data())) {
      const bool in_temp = entry.path().parent_path().filename() == "tmp~";
      CHECK_MESSAGE(!in_temp, entry.path().string());
    }
  }
}

TEST_CASE("objects lie on the server as on a local storage") {
  const SshServer server;
  const auto storage = server.open("place");
  REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
  REQUIRE((*storage)->put({}, "a/b/c", as_bytes("over there"), {.if_absent = true}).ok());
  const auto local = make_local_storage(server.data("place"));
  REQUIRE(local.ok());
  const auto there = (*local)->get({}, "a/b/c", {});
  REQUIRE(there.ok());
  CHECK(as_text(*there) == "over there");
  CHECK((fs::status(server.data("place/a/b/c")).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK((*storage)->info().conditional_create);
  CHECK((*storage)->info().name ==
        "sftp://" + server.value("USER") + "@127.0.0.1:" + server.value("PORT") + server.data("place"));
}

TEST_CASE("keys and directories do not stand in for each other, links are refused") {
  const SshServer server;
  const auto opened = server.open("place");
  REQUIRE(opened.ok());
  Storage& storage = **opened;
  REQUIRE(storage.put({}, "a/b", as_bytes("x"), {}).ok());
  const auto below = storage.put({}, "a/b/c", as_bytes("x"), {});
  REQUIRE_FALSE(below.ok());
  CHECK(below.error().code() == ErrorCode::precondition_failed);
  const auto above = storage.put({}, "a", as_bytes("x"), {});
  REQUIRE_FALSE(above.ok());
  CHECK(above.error().code() == ErrorCode::precondition_failed);
  CHECK(storage.get({}, "a", {}).error().code() == ErrorCode::not_found);
  CHECK(storage.remove({}, "a").ok());
  fs::create_symlink("b", server.data("place/a/link"));
  CHECK(storage.get({}, "a/link", {}).error().code() == ErrorCode::permission_denied);
  CHECK(storage.put({}, "a/link", as_bytes("x"), {}).error().code() == ErrorCode::permission_denied);
  CHECK(storage.list({}, "", [](const ObjectInfo&) { return true; }).error().code() == ErrorCode::permission_denied);
}

TEST_CASE("a repository lives on it") {
  const SshServer server;
  const TempDir work;
  const std::string tree = work / "tree";
  REQUIRE(fs::create_directory(tree));
  REQUIRE(testing::generate_tree(tree, 7));
  const Context ctx;
  auto storage = server.open("repository");
  REQUIRE(storage.ok());
  CreateOptions create;
  create.passwords.push_back(Secret::from_text("pw"));
  create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto repository = Repository::create(ctx, *storage, std::move(create));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  auto source = make_filesystem_source(tree);
  REQUIRE(source.ok());
  auto snapshot = backup(ctx, *repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  CHECK(snapshot->status == Status::complete);
  const std::string back = work / "back";
  auto target = make_filesystem_target(back);
  REQUIRE(target.ok());
  const auto restored = restore(ctx, *repository, *snapshot, **target);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  CHECK(testing::compare_trees(tree, back).empty());
}

TEST_CASE("a probe finds it safe") {
  const SshServer server;
  const auto storage = server.open("place");
  REQUIRE(storage.ok());
  const auto report = probe_storage({}, **storage, {.object_bytes = 1 << 20, .small_objects = 16});
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  for (const ProbeItem& item : report->items) {
    INFO(item.id);
    const bool speed = item.id == "small_objects";
    CHECK_MESSAGE((speed || item.verdict == ProbeVerdict::ok), item.explanation);
  }
  CHECK(report->safe());
}
