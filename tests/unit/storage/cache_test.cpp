#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <drkit/storage.hpp>

#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::TempDir;
namespace fs = std::filesystem;

namespace {

struct Bench {
  TempDir dir;
  StoragePtr memory = make_memory_storage();
  std::shared_ptr<CallCounts> counts = std::make_shared<CallCounts>();
  StoragePtr storage = open();

  StoragePtr open(std::uint64_t max_bytes = 1 << 20, FaultPlan plan = {}) const {
    auto made = with_cache(with_faults(memory, std::move(plan), counts), dir.path() + "/cache", max_bytes);
    return made.ok() ? *made : nullptr;
  }
  std::string read(const std::string& key, ByteRange range = {}) const {
    const auto got = storage->get({}, key, range);
    return got.ok() ? std::string(as_text(*got)) : got.error().to_string();
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(dir.path() + "/cache")) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    return found;
  }
};

}  // namespace

TEST_CASE("the second read of an object or of a range comes out of the cache, also of another process's") {
  Bench bench;
  REQUIRE(bench.memory->put({}, "a/b", as_bytes("0123456789"), {}).ok());
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.read("a/b") == "0123456789");
    CHECK(bench.read("a/b", {2, 3}) == "234");
    if (i == 1) bench.storage = bench.open();
  }
  CHECK(bench.counts->get == 2);
}

TEST_CASE("a damaged, shortened or exchanged file is never believed") {
  Bench bench;
  REQUIRE(bench.memory->put({}, "one", as_bytes("content"), {}).ok());
  REQUIRE(bench.memory->put({}, "two", as_bytes("CONTENT"), {}).ok());
  CHECK(bench.read("one") == "content");
  CHECK(bench.read("two") == "CONTENT");
  const auto files = bench.files();
  REQUIRE(files.size() == 2);
  SUBCASE("flipped") {
    std::fstream(files[0], std::ios::in | std::ios::out | std::ios::binary).seekp(35).put('~');
    std::fstream(files[1], std::ios::in | std::ios::out | std::ios::binary).seekp(3).put('~');
  }
  SUBCASE("shortened") {
    fs::resize_file(files[0], 36);
    fs::resize_file(files[1], 7);
  }
  SUBCASE("exchanged") {
    fs::rename(files[0], files[0].string() + "~");
    fs::rename(files[1], files[0]);
    fs::rename(files[0].string() + "~", files[1]);
  }
  SUBCASE("deleted") { fs::remove_all(bench.dir.path() + "/cache"); }
  CHECK(bench.read("one") == "content");
  CHECK(bench.read("two") == "CONTENT");
  CHECK(bench.counts->get == 4);
}

TEST_CASE("bytes that are not those which the key promises are not kept") {
  Bench bench;
  // The SHA-256 of "abc".
  const std::string key = "data/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  REQUIRE(bench.memory->put({}, key, as_bytes("abc"), {}).ok());
  bench.storage = bench.open(1 << 20, {.faults = {{.kind = FaultKind::bit_flip, .call = StorageCall::get}}});
  CHECK(bench.read(key) != "abc");
  CHECK(bench.files().empty());
  CHECK(bench.read(key) == "abc");
  CHECK(bench.read(key) == "abc");
  CHECK(bench.counts->get == 2);
}

TEST_CASE("what is put or removed through the cache is forgotten") {
  Bench bench;
  REQUIRE(bench.storage->put({}, "k", as_bytes("old"), {}).ok());
  CHECK(bench.read("k") == "old");
  REQUIRE(bench.storage->put({}, "k", as_bytes("new"), {}).ok());
  CHECK(bench.read("k") == "new");
  REQUIRE(bench.storage->remove({}, "k").ok());
  CHECK(bench.storage->get({}, "k", {}).error().code() == ErrorCode::not_found);
}

TEST_CASE("the cache stays within its limit, and keeps what was used last") {
  Bench bench;
  bench.storage = bench.open(100'000);
  for (int i = 0; i < 60; ++i) {
    REQUIRE(bench.memory->put({}, std::to_string(i), Bytes(5000), {}).ok());
    CHECK(bench.storage->get({}, std::to_string(i), {}).ok());
    std::uint64_t total = 0;
    for (const auto& file : bench.files()) total += fs::file_size(file);
    CHECK(total <= 106'000);
  }
  const auto before = bench.counts->get.load();
  CHECK(bench.storage->get({}, "59", {}).ok());
  CHECK(bench.counts->get == before);
  REQUIRE(bench.memory->put({}, "large", Bytes(30'000), {}).ok());
  CHECK(bench.storage->get({}, "large", {}).ok());
  CHECK(bench.storage->get({}, "large", {}).ok());
  CHECK(bench.counts->get == before + 2);
}

TEST_CASE("a cache that cannot be written is done without") {
  Bench bench;
  REQUIRE(bench.memory->put({}, "k", as_bytes("x"), {}).ok());
  fs::remove_all(bench.dir.path() + "/cache");
  std::ofstream(bench.dir.path() + "/cache") << "a file in its place";
  CHECK(bench.read("k") == "x");
  CHECK(bench.read("k") == "x");
  CHECK(bench.counts->get == 2);
}
