// Trees deeper than a process may have descriptors, and longer than a path may be.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include <drkit/sources.hpp>

#include "systems/filesystem/posix.hpp"
#include "testing/process.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::systems::filesystem::UniqueFd;
using drkit::testing::Child;
using drkit::testing::TempDir;

namespace {

constexpr int kLevels = 1500;
constexpr rlim_t kDescriptors = 160;

Entry directory_of(std::string path) {
  Entry entry;
  entry.path = std::move(path);
  entry.type = EntryType::directory;
  entry.mode = 0700;
  entry.mtime_ns = 1'000'000'000;
  return entry;
}

/// What a delta restore has in its place of a tree that is kLevels deep.
enum class Wanted { all, top, file_instead };

int restore_once(const std::string& root, bool delta, Wanted wanted) {
  const Context ctx;
  auto target = make_filesystem_target(root);
  if (!target || !(*target)->begin(ctx, RestoreSettings{.delta = delta, .remove_unknown = delta})) return 1;
  std::string path = "level";
  for (int i = 0; i < kLevels && wanted == Wanted::all; ++i) {
    if (!(*target)->make(ctx, directory_of(path))) return 2;
    path += "/level";
  }
  Entry link = directory_of("level");
  link.type = EntryType::symlink;
  link.link_target = "elsewhere";
  if (wanted == Wanted::top && !(*target)->make(ctx, directory_of("level"))) return 3;
  if (wanted == Wanted::file_instead) {
    if (auto made = (*target)->make(ctx, link); !made) return made.error().retryable() ? 4 : 5;
  }
  const auto finished = (*target)->finish(ctx);
  if (!finished) std::fprintf(stderr, "%s\n", finished.error().to_string().substr(0, 200).c_str());
  return finished ? 0 : 6;
}

// In a child, which has few descriptors.
int restore(const std::string& root, bool delta, Wanted wanted) {
  Child child([&] {
    const rlimit few{kDescriptors, kDescriptors};
    return ::setrlimit(RLIMIT_NOFILE, &few) == 0 ? restore_once(root, delta, wanted) : 99;
  });
  return child.wait();
}

int depth_of(const std::string& root) {
  UniqueFd at(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int depth = -1;
  for (; at; ++depth) at = UniqueFd(::openat(at.get(), "level", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return depth;
}

}  // namespace

TEST_CASE("a delta restore looks through, cuts and replaces a tree of 1500 levels") {
  const TempDir dir;
  const std::string root = dir / "to";
  REQUIRE(restore(root, false, Wanted::all) == 0);
  REQUIRE(depth_of(root) == kLevels);
  CHECK(restore(root, true, Wanted::all) == 0);
  CHECK(depth_of(root) == kLevels);
  // Something that no snapshot has, at the very bottom.
  {
    UniqueFd at(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int i = 0; i < kLevels; ++i) at = UniqueFd(::openat(at.get(), "level", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(::mkdirat(at.get(), "level", 0700) == 0);
  }
  CHECK(restore(root, true, Wanted::all) == 0);
  CHECK(depth_of(root) == kLevels);
  SUBCASE("most of it is not in the snapshot") {
    CHECK(restore(root, true, Wanted::top) == 0);
    CHECK(depth_of(root) == 1);
  }
  SUBCASE("something else is in its place") {
    CHECK(restore(root, true, Wanted::file_instead) == 0);
    struct stat status;
    REQUIRE(::lstat((root + "/level").c_str(), &status) == 0);
    CHECK(S_ISLNK(status.st_mode));
  }
}
