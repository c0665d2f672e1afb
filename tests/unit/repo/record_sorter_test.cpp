#include "repo/record_sorter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include <drkit/spi/source.hpp>

#include "testing/seeded_random.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::repo;
using drkit::testing::SeededRandom;
using drkit::testing::TempDir;

namespace {

struct PathLess {
  bool operator()(const std::string& a, const std::string& b) const { return entry_path_less(a, b); }
};

std::string some_path(SeededRandom& random) {
  std::string path;
  const auto parts = 1 + random.below(4);
  for (std::uint64_t i = 0; i < parts; ++i) {
    if (i > 0) path += '/';
    // Bytes around '/' in the order, where sorting whole paths and sorting part by part differ.
    for (std::uint64_t n = 1 + random.below(2); n > 0; --n) path += "-a0\xff"[random.below(4)];
  }
  return path;
}

}  // namespace

TEST_CASE("records come back in path order, for any memory") {
  for (const std::size_t memory : {0U, 300U, 4096U, 1U << 20}) {
    CAPTURE(memory);
    const TempDir dir;
    SeededRandom random(memory + 1);
    RecordSorter sorter(dir.path(), memory);
    std::map<std::string, format::Record, PathLess> model;
    for (int i = 0; i < 2000; ++i) {
      format::Record record;
      record.entry.path = some_path(random);
      record.entry.size_bytes = static_cast<std::uint64_t>(i);
      if (!model.emplace(record.entry.path, record).second) continue;
      REQUIRE(sorter.add(record).ok());
    }
    REQUIRE(sorter.finish().ok());
    for (const auto& [path, expected] : model) {
      const auto got = sorter.next();
      REQUIRE(got.ok());
      REQUIRE(got->has_value());
      REQUIRE(**got == expected);
    }
    CHECK_FALSE(sorter.next()->has_value());
  }
}

TEST_CASE("a path that was added twice is an error that names it, wherever the two were kept") {
  for (const std::size_t memory : {0U, 300U, 1U << 20}) {
    for (const int again : {0, 5, 9}) {
      CAPTURE(memory);
      CAPTURE(again);
      const TempDir dir;
      RecordSorter sorter(dir.path(), memory);
      format::Record record;
      for (int i = 0; i < 10; ++i) {
        record.entry.path = std::to_string(i);
        REQUIRE(sorter.add(record).ok());
      }
      record.entry.path = std::to_string(again);
      record.entry.size_bytes = 1;
      REQUIRE(sorter.add(record).ok());
      REQUIRE(sorter.finish().ok());
      for (int i = 0; i < again; ++i) REQUIRE((*sorter.next())->entry.path == std::to_string(i));
      const auto twice = sorter.next();
      REQUIRE_FALSE(twice.ok());
      CHECK(twice.error().code() == ErrorCode::internal);
      CHECK(twice.error().to_string().find("path=" + std::to_string(again)) != std::string::npos);
    }
  }
}

TEST_CASE("a sorter of many runs holds one file open") {
  const TempDir dir;
  RecordSorter sorter(dir.path(), 0);
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_files();
  for (int i = 0; i < 300; ++i) {
    format::Record record;
    record.entry.path = std::to_string(i);
    REQUIRE(sorter.add(record).ok());
  }
  CHECK(open_files() == before + 1);
}

TEST_CASE("nothing sorted is nothing given") {
  const TempDir dir;
  RecordSorter sorter(dir.path(), 100);
  REQUIRE(sorter.finish().ok());
  CHECK_FALSE(sorter.next()->has_value());
}
