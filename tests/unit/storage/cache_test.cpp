#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <drkit/storage.hpp>

#include "base/hex.hpp"
#include "crypto/sha256.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::TempDir;
namespace fs = std::filesystem;

namespace {

std::string key_of(ByteView bytes) { return "data/" + base::to_hex(crypto::sha256(bytes)); }
std::string key_of(std::string_view text) { return key_of(as_bytes(text)); }

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

TEST_CASE("the second read of an object comes out of the cache, also of another process's") {
  Bench bench;
  const std::string key = key_of("0123456789");
  REQUIRE(bench.memory->put({}, key, as_bytes("0123456789"), {}).ok());
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.read(key) == "0123456789");
    CHECK(bench.read(key, {0, 11}) == "0123456789");
    if (i == 1) bench.storage = bench.open();
  }
  CHECK(bench.counts->get == 1);
}

TEST_CASE("a bad transfer is not kept where nothing proves the bytes: of a part, of an object under any name") {
  struct Question {
    std::string key;
    ByteRange range;
    std::string answer;
  };
  const std::string digest = key_of("0123456789");
  for (const Question& one :
       {Question{digest, {2, 3}, "234"}, Question{digest, {0, 3}, "012"}, Question{"snapshots/a", {}, "0123456789"}}) {
    CAPTURE(one.key);
    for (const FaultKind kind : {FaultKind::bit_flip, FaultKind::truncate}) {
      Bench bench;
      REQUIRE(bench.memory->put({}, one.key, as_bytes("0123456789"), {}).ok());
      bench.storage = bench.open(1 << 20, {.faults = {{.kind = kind, .call = StorageCall::get}}});
      CHECK(bench.read(one.key, one.range) != one.answer);
      CHECK(bench.read(one.key, one.range) == one.answer);
      CHECK(bench.files().empty());
    }
  }
}

TEST_CASE("a damaged, shortened or exchanged file is never believed") {
  Bench bench;
  const std::string one = key_of("content");
  const std::string two = key_of("CONTENT");
  REQUIRE(bench.memory->put({}, one, as_bytes("content"), {}).ok());
  REQUIRE(bench.memory->put({}, two, as_bytes("CONTENT"), {}).ok());
  CHECK(bench.read(one) == "content");
  CHECK(bench.read(two) == "CONTENT");
  const auto files = bench.files();
  REQUIRE(files.size() == 2);
  SUBCASE("flipped") {
    std::fstream(files[0], std::ios::in | std::ios::out | std::ios::binary).seekp(5).put('~');
    std::fstream(files[1], std::ios::in | std::ios::out | std::ios::binary).seekp(0).put('~');
  }
  SUBCASE("shortened") {
    fs::resize_file(files[0], 4);
    fs::resize_file(files[1], 0);
  }
  SUBCASE("exchanged") {
    fs::rename(files[0], files[0].string() + "~");
    fs::rename(files[1], files[0]);
    fs::rename(files[0].string() + "~", files[1]);
  }
  SUBCASE("deleted") { fs::remove_all(bench.dir.path() + "/cache"); }
  CHECK(bench.read(one) == "content");
  CHECK(bench.read(two) == "CONTENT");
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

TEST_CASE("what is removed through the cache is forgotten") {
  Bench bench;
  const std::string key = key_of("object");
  REQUIRE(bench.storage->put({}, key, as_bytes("object"), {}).ok());
  CHECK(bench.read(key) == "object");
  CHECK(bench.files().size() == 1);
  REQUIRE(bench.storage->remove({}, key).ok());
  CHECK(bench.storage->get({}, key, {}).error().code() == ErrorCode::not_found);
}

TEST_CASE("the cache stays within its limit, and keeps what was used last") {
  Bench bench;
  bench.storage = bench.open(100'000);
  const auto put = [&](std::size_t size, int number) {
    Bytes bytes(size, static_cast<std::byte>(number));
    const std::string key = key_of(bytes);
    REQUIRE(bench.memory->put({}, key, bytes, {}).ok());
    return key;
  };
  std::string last;
  for (int i = 0; i < 60; ++i) {
    last = put(5000, i);
    CHECK(bench.storage->get({}, last, {}).ok());
    std::uint64_t total = 0;
    for (const auto& file : bench.files()) total += fs::file_size(file);
    CHECK(total <= 106'000);
  }
  const auto before = bench.counts->get.load();
  CHECK(bench.storage->get({}, last, {}).ok());
  CHECK(bench.counts->get == before);
  const std::string large = put(30'000, 0);
  CHECK(bench.storage->get({}, large, {}).ok());
  CHECK(bench.storage->get({}, large, {}).ok());
  CHECK(bench.counts->get == before + 2);
}

TEST_CASE("a cache that cannot be written is done without") {
  Bench bench;
  const std::string key = key_of("x");
  REQUIRE(bench.memory->put({}, key, as_bytes("x"), {}).ok());
  fs::remove_all(bench.dir.path() + "/cache");
  std::ofstream(bench.dir.path() + "/cache") << "a file in its place";
  CHECK(bench.read(key) == "x");
  CHECK(bench.read(key) == "x");
  CHECK(bench.counts->get == 2);
}
