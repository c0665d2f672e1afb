#include <doctest/doctest.h>

#include <sys/stat.h>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>
#include <drkit/sources.hpp>
#include <drkit/storage.hpp>

#include "testing/temp_dir.hpp"
#include "testing/tree_compare.hpp"
#include "testing/tree_generator.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

PasswordCost cheap() { return {.operations = 1, .memory_bytes = 1 << 20}; }

CreateOptions with_password(const char* password) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text(password));
  options.password_cost = cheap();
  return options;
}

OpenOptions opening(const char* password) {
  OpenOptions options;
  options.credential.password = Secret::from_text(password);
  return options;
}

}  // namespace

TEST_CASE("generated trees come back bit for bit, also changed ones, and unchanged files are not read") {
  const Context ctx;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    const TempDir dir;
    const std::string tree = dir.path() + "/tree";
    REQUIRE(::mkdir(tree.c_str(), 0755) == 0);
    REQUIRE(generate_tree(tree, seed));
    const StoragePtr storage = make_memory_storage();
    auto repository = Repository::create(ctx, storage, with_password("pw"));
    REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
    for (int round = 0; round < 3; ++round) {
      CAPTURE(round);
      auto source = make_filesystem_source(tree);
      REQUIRE(source.ok());
      auto snapshot = backup(ctx, *repository, **source);
      REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
      CHECK(snapshot->status == Status::complete);
      auto reopened = Repository::open(ctx, storage, opening("pw"));
      REQUIRE_MESSAGE(reopened.ok(), reopened.error().to_string());
      const std::string place = dir.path() + "/restored" + std::to_string(round);
      auto target = make_filesystem_target(place);
      REQUIRE(target.ok());
      auto restored = restore(ctx, *reopened, *snapshot, **target);
      REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
      CHECK(restored->status == Status::complete);
      const auto differences = compare_trees(tree, place);
      CHECK_MESSAGE(differences.empty(), (differences.empty() ? "" : differences.front()));
      if (round < 2) REQUIRE(mutate_tree(tree, seed * 100 + static_cast<std::uint64_t>(round)));
    }
  }
}

TEST_CASE("a wrong password opens nothing") {
  const Context ctx;
  const StoragePtr storage = make_memory_storage();
  REQUIRE(Repository::create(ctx, storage, with_password("right")).ok());
  const auto opened = Repository::open(ctx, storage, opening("wrong"));
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code() == ErrorCode::bad_key);
}
