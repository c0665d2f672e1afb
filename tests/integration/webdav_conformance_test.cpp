// Every WebDAV server, plain and with TLS: the conformance suite, and a repository's round trip.
#include <doctest/doctest.h>

#include <drkit/backup.hpp>
#include <drkit/check.hpp>
#include <drkit/repository.hpp>
#include <drkit/restore.hpp>
#include <drkit/sources.hpp>
#include <drkit/spi/conformance.hpp>

#include "integration/postgres_support.hpp"
#include "integration/webdav_support.hpp"
#include "testing/tree_compare.hpp"
#include "testing/tree_generator.hpp"

using namespace drkit;
using namespace drkit::test;

namespace {

// Apache looks at a file's size and then opens it; rclone does so, too, and removes a file before another takes its
// place. Whoever reads what is being replaced may get one object's bytes by the other's length. A repository never
// replaces an object.
bool is_known(const DavKind& kind, const std::string& name) {
  return (kind.script == "rclone_webdav" || kind.script == "apache") &&
         name == "a reader sees the old or the new object, never a mixture";
}

void conforms(const DavKind& kind, const DavServer& server) {
  int number = 0;
  const auto results = run_storage_suite({}, [&]() -> Result<StoragePtr> {
    return open_patiently(server.address("suite/" + std::to_string(++number)), server.options());
  });
  CHECK(results.size() >= 18);
  for (const CaseResult& result : results) {
    if (is_known(kind, result.name)) continue;
    INFO(result.name);
    CHECK_MESSAGE(!result.failure.has_value(), result.failure.value_or(""));
  }
}

CreateOptions with_password() {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  return options;
}

void comes_back(const DavServer& server, const std::filesystem::path& folder) {
  const Context ctx;
  const std::string tree = folder / "tree";
  const std::string place = folder / "restored";
  std::filesystem::create_directory(tree);
  REQUIRE(testing::generate_tree(tree, 7));
  {
    auto repository =
        Repository::create(ctx, open_or_throw(server.address("backup"), server.options()), with_password());
    REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
    auto source = make_filesystem_source(tree);
    REQUIRE(source.ok());
    const auto snapshot = backup(ctx, *repository, **source);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
    CHECK(snapshot->status == Status::complete);
  }
  OpenOptions opening;
  opening.credential.password = Secret::from_text("pw");
  auto repository =
      Repository::open(ctx, open_or_throw(server.address("backup"), server.options()), std::move(opening));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  const auto snapshot = repository->find_snapshot(ctx, "latest");
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  const auto report = check(ctx, *repository, nullptr, builtin_checks(), {});
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  CHECK(report->ok());
  auto target = make_filesystem_target(place);
  REQUIRE(target.ok());
  const auto restored = restore(ctx, *repository, *snapshot, **target);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  const auto differences = testing::compare_trees(tree, place);
  CHECK_MESSAGE(differences.empty(), (differences.empty() ? "" : differences.front()));
}

void works_on(const char* script, const std::vector<std::string>& options) {
  const DavKind kind{script, options};
  const TemporaryFolder folder;
  const DavServer server(kind, folder / "server");
  conforms(kind, server);
  // What a repository does is the same with TLS.
  if (!kind.tls()) comes_back(server, folder.path());
}

}  // namespace

TEST_CASE("Apache") { works_on("apache", {}); }
TEST_CASE("Apache with TLS") { works_on("apache", {"tls=server"}); }
TEST_CASE("nginx") { works_on("nginx", {}); }
TEST_CASE("nginx with TLS") { works_on("nginx", {"tls=server"}); }
TEST_CASE("rclone") { works_on("rclone_webdav", {}); }
TEST_CASE("rclone with TLS") { works_on("rclone_webdav", {"tls=server"}); }
TEST_CASE("the stand-in for Nextcloud") { works_on("nextcloud_standin", {}); }
