#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <drkit/sources.hpp>

#include "testing/copy_tree.hpp"
#include "testing/temp_dir.hpp"
#include "testing/tree_compare.hpp"
#include "testing/tree_generator.hpp"

using namespace drkit;
using drkit::testing::compare_trees;
using drkit::testing::copy_tree;
using drkit::testing::TempDir;

namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

void copy_and_compare(const std::string& from, const std::string& to, const RestoreSettings& settings = {}) {
  const Context ctx;
  auto source = make_filesystem_source(from);
  auto target = make_filesystem_target(to);
  REQUIRE(source.ok());
  REQUIRE(target.ok());
  auto report = copy_tree(ctx, **source, target->get(), settings);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  CHECK(report->problems.empty());
  const auto& entries = report->entries;
  const auto before = [](const Entry& a, const Entry& b) { return !entry_path_less(a.path, b.path); };
  CHECK(std::adjacent_find(entries.begin(), entries.end(), before) == entries.end());
  const auto differences = compare_trees(from, to);
  CHECK_MESSAGE(differences.empty(), joined(differences));
}

}  // namespace

TEST_CASE("generated trees come back whole") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    const TempDir dir;
    REQUIRE(std::filesystem::create_directory(dir / "from"));
    REQUIRE(drkit::testing::generate_tree(dir / "from", seed));
    copy_and_compare(dir / "from", dir / "to");
  }
}

TEST_CASE("a delta restore makes any tree equal to the snapshot") {
  for (std::uint64_t seed = 101; seed <= 112; ++seed) {
    CAPTURE(seed);
    const TempDir dir;
    REQUIRE(std::filesystem::create_directory(dir / "from"));
    REQUIRE(drkit::testing::generate_tree(dir / "from", seed));
    copy_and_compare(dir / "from", dir / "to");
    REQUIRE(drkit::testing::mutate_tree(dir / "to", seed * 7));
    REQUIRE_FALSE(compare_trees(dir / "from", dir / "to").empty());
    copy_and_compare(dir / "from", dir / "to", RestoreSettings{.delta = true});
  }
}

TEST_CASE("the comparison itself sees every kind of difference") {
  const TempDir dir;
  const std::string from = dir / "from";
  const std::string to = dir / "to";
  REQUIRE(std::filesystem::create_directory(from));
  REQUIRE(drkit::testing::generate_tree(from, 5));
  copy_and_compare(from, to);
  REQUIRE(::chmod(to.c_str(), 0711) == 0);
  CHECK_FALSE(compare_trees(from, to).empty());
}
