// Restores of snapshots that lack something, and of parts: what the snapshot cannot give back stays where it is.
#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>
#include <drkit/sources.hpp>

#include "testing/as_nobody.hpp"
#include "testing/listed_source.hpp"
#include "testing/memory_repository.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;
namespace fs = std::filesystem;

namespace {

constexpr const char* kMarker = ".drkit-restore-incomplete";

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string content_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// Backs up what is listed, in path order, and restores it into the directory.
Result<RestoreResult> copy(std::vector<ListedEntry> entries, const std::string& place, const RestoreOptions& options) {
  const Context ctx;
  Repository repository = new_repository(ctx);
  ListedSource source(std::move(entries), true);
  DRKIT_ASSIGN(const Snapshot snapshot, backup(ctx, repository, source));
  DRKIT_ASSIGN(const auto target, make_filesystem_target(place));
  return restore(ctx, repository, snapshot, *target, options);
}

RestoreOptions delta() {
  RestoreOptions options;
  options.delta = true;
  return options;
}

}  // namespace

TEST_CASE("a delta restore leaves what the backup could not read, and removes the rest") {
  const TempDir dir;
  const fs::path place(dir / "place");
  write(place / "a", "old");
  write(place / "b", "the only copy");
  write(place / "d/x", "the only copy");
  write(place / "d/deep/y", "the only copy");
  write(place / "e/extra", "not in the snapshot");
  write(place / "extra", "not in the snapshot");
  write(place / "unseen/inside", "nobody could look what this is");
  const auto restored =
      copy({listed(""), listed_file("a", {{"new", 0}}), unreadable(listed_file("b", {})), unreadable(listed("d")),
            listed_file("d/x", {{"seen", 0}}), listed("e"), unreadable(listed_file("unseen", {}))},
           place, delta());
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  CHECK(restored->status == Status::partial);
  CHECK(restored->stats.problems == 3);
  CHECK(content_of(place / "a") == "new");
  CHECK(content_of(place / "b") == "the only copy");
  CHECK(content_of(place / "d/x") == "seen");
  CHECK(content_of(place / "d/deep/y") == "the only copy");
  CHECK(content_of(place / "unseen/inside") == "nobody could look what this is");
  CHECK_FALSE(fs::exists(place / "e/extra"));
  CHECK_FALSE(fs::exists(place / "extra"));
  CHECK_FALSE(fs::exists(place / kMarker));
}

TEST_CASE("a delta restore removes nothing when the tree's root could not be listed") {
  const TempDir dir;
  const fs::path place(dir / "place");
  write(place / "seen", "old");
  write(place / "unseen", "the only copy");
  const auto restored = copy({unreadable(listed("")), listed_file("seen", {{"new", 0}})}, place, delta());
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  CHECK(content_of(place / "seen") == "new");
  CHECK(content_of(place / "unseen") == "the only copy");
}

TEST_CASE("files and directories without the right to read survive a delta restore onto the tree itself") {
  const TempDir dir;
  fs::permissions(dir.path(), fs::perms(0777));
  const fs::path tree(dir / "tree");
  const auto run = [&]() -> Result<RestoreResult> {
    write(tree / "a", "a");
    write(tree / "b", "b");
    write(tree / "d/x", "x");
    fs::permissions(tree / "b", fs::perms(0));
    fs::permissions(tree / "d", fs::perms(0));
    const Context ctx;
    CreateOptions create;
    create.passwords.push_back(Secret::from_text("pw"));
    create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
    DRKIT_ASSIGN(Repository repository, Repository::create(ctx, make_memory_storage(), std::move(create)));
    DRKIT_ASSIGN(const auto source, make_filesystem_source(tree));
    DRKIT_ASSIGN(const Snapshot snapshot, backup(ctx, repository, *source));
    write(tree / "a", "changed");
    DRKIT_ASSIGN(const auto target, make_filesystem_target(tree));
    return restore(ctx, repository, snapshot, *target, delta());
  };
  const std::string answer = run_as_nobody([&]() -> std::string {
    const auto restored = run();
    if (!restored.ok()) return restored.error().to_string();
    return restored->status == Status::partial && restored->stats.problems == 2 ? "" : "not partial";
  });
  CHECK(answer == "");
  fs::permissions(tree / "d", fs::perms(0700));
  fs::permissions(tree / "b", fs::perms(0700));
  CHECK(content_of(tree / "a") == "a");
  CHECK(content_of(tree / "b") == "b");
  CHECK(content_of(tree / "d/x") == "x");
}

TEST_CASE("a delta restore of a part removes nothing") {
  for (const bool include : {true, false}) {
    CAPTURE(include);
    const TempDir dir;
    const fs::path place(dir / "place");
    write(place / "a", "mine");
    write(place / "sub/b", "old");
    write(place / "sub/extra", "not in the snapshot");
    write(place / "extra", "not in the snapshot");
    RestoreOptions part = delta();
    (include ? part.includes : part.excludes) = {include ? "sub/**" : "/a"};
    const auto restored =
        copy({listed(""), listed_file("a", {{"a", 0}}), listed("sub"), listed_file("sub/b", {{"b", 0}})}, place, part);
    REQUIRE_MESSAGE(restored.ok(), words(restored));
    CHECK(restored->status == Status::complete);
    CHECK(content_of(place / "a") == "mine");
    CHECK(content_of(place / "sub/b") == "b");
    CHECK(content_of(place / "sub/extra") == "not in the snapshot");
    CHECK(content_of(place / "extra") == "not in the snapshot");
    CHECK_FALSE(fs::exists(place / kMarker));
  }
}

TEST_CASE("links, devices and files that the backup could not read are left out of a restore, and named") {
  for (const bool only_links : {true, false}) {
    CAPTURE(only_links);
    const TempDir dir;
    const fs::path place(dir / "place");
    RestoreOptions options;
    if (only_links) options.includes = {"/b", "/l", "/p"};
    // The backup itself gives b a problem: its first name has one.
    const auto restored = copy({listed(""), unreadable(listed_file("a", {})), listed("b", EntryType::hardlink, "a"),
                                listed_file("c", {{"c", 0}}), unreadable(listed("l", EntryType::symlink)),
                                unreadable(listed("p", EntryType::fifo))},
                               place, options);
    REQUIRE_MESSAGE(restored.ok(), words(restored));
    CHECK(restored->status == Status::partial);
    CHECK(restored->stats.problems == (only_links ? 3 : 4));
    CHECK(restored->problems.size() == restored->stats.problems);
    std::string found;
    for (const auto& entry : fs::directory_iterator(place)) found += entry.path().filename().string() + " ";
    CHECK(found == (only_links ? "" : "c "));
  }
}
