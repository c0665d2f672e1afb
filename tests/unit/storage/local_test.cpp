#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <filesystem>
#include <fstream>
#include <set>

#include <drkit/storage.hpp>

#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::TempDir;

namespace {

StoragePtr open_local(const std::string& path) {
  auto made = make_local_storage(path, {.create = true});
  REQUIRE(made.ok());
  return std::move(*made);
}

std::set<std::string> keys(Storage& storage, std::string_view prefix = "") {
  std::set<std::string> found;
  const auto listed = storage.list({}, prefix, [&](const ObjectInfo& info) { return found.insert(info.key).second; });
  REQUIRE_MESSAGE(listed.ok(), listed.error().to_string());
  return found;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("a missing directory is made only when asked for") {
  const TempDir dir;
  const auto refused = make_local_storage(dir / "a/b");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::not_found);
  const auto storage = open_local(dir / "a/b");
  CHECK(mode_of(dir / "a/b") == 0700);
  CHECK(storage->info().name == "file://" + dir.path() + "/a/b");
}

TEST_CASE("a directory that was removed is gone, not empty") {
  const TempDir dir;
  const StoragePtr storage = open_local(dir.path() + "/place");
  REQUIRE(storage->put({}, "key", as_bytes("x"), {}).ok());
  std::filesystem::remove_all(dir.path() + "/place");
  for (const char* prefix : {"", "k", "a/b"}) {
    const auto listed = storage->list({}, prefix, [](const ObjectInfo&) { return true; });
    REQUIRE_FALSE(listed.ok());
    CHECK(listed.error().code() == ErrorCode::not_found);
    CHECK(listed.error().message() == "the storage's directory is gone");
  }
  CHECK_FALSE(storage->put({}, "key", as_bytes("x"), {}).ok());
}

TEST_CASE("objects are private files, directories private, nothing is left aside") {
  const TempDir dir;
  const auto storage = open_local(dir.path());
  REQUIRE(storage->put({}, "data/ab/c", as_bytes("hello"), {}).ok());
  CHECK(mode_of(dir / "data/ab/c") == 0600);
  CHECK(mode_of(dir / "data/ab") == 0700);
  CHECK(std::filesystem::is_empty(dir / "tmp~"));
  const auto got = storage->get({}, "data/ab/c", {1, 3});
  REQUIRE(got.ok());
  CHECK(as_text(*got) == "ell");
}

TEST_CASE("foreign names are not listed, temporary files neither") {
  const TempDir dir;
  const auto storage = open_local(dir.path());
  REQUIRE(storage->put({}, "a/b", as_bytes("x"), {}).ok());
  std::ofstream(dir / "tmp~/0123") << "half";
  std::ofstream(dir / "README") << "upper case";
  std::filesystem::create_directory(dir / "lost+found");
  CHECK(keys(*storage) == std::set<std::string>{"a/b"});
}
