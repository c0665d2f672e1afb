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

// rclone removes a file before another takes its place, and may read one under the name of the other. Replacing is
// therefore not atomic there; a repository never replaces.
bool is_known(const DavKind& kind, const std::string& name) {
  return kind.script == "rclone_webdav" && name == "a reader sees the old or the new object, never a mixture";
}

void conforms(const DavKind& kind, const DavServer& server) {
  int number = 0;
  const auto results = run_storage_suite({}, [&]() -> Result<StoragePtr> {
    return open_storage({}, server.address("suite/" + std::to_string(++number)), server.options());
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

}  // namespace

TEST_CASE("every server conforms, and a repository on it comes back") {
  for (const DavKind& kind : all_dav_kinds()) {
    INFO(kind.shown());
    const auto begin = std::chrono::steady_clock::now();
    const TemporaryFolder folder;
    const DavServer server(kind, folder / "server");
    conforms(kind, server);
    fprintf(stderr, "%s %f\n", kind.shown().c_str(), std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    comes_back(server, folder.path());
    fprintf(stderr, "%s %f\n", kind.shown().c_str(), std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
}
