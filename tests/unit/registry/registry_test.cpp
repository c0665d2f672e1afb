#include <doctest/doctest.h>

#include <drkit/registry.hpp>
#include <drkit/snapshot.hpp>

#include <filesystem>
#include <string>

#include "registry/path_address.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;

namespace {

ErrorCode storage_error(std::string_view address) {
  const Result<StoragePtr> storage = open_storage(Context(), address);
  return storage ? ErrorCode::ok : storage.error().code();
}

ErrorCode source_error(std::string_view address, const SourceOptions& options = {}) {
  const auto source = open_source(Context(), address, options);
  return source ? ErrorCode::ok : source.error().code();
}

ErrorCode target_error(std::string_view address, const Snapshot& snapshot, const TargetOptions& options = {}) {
  const auto target = open_target(Context(), address, snapshot, options);
  return target ? ErrorCode::ok : target.error().code();
}

}  // namespace

TEST_CASE("a directory is a bare path or a file address without a host") {
  CHECK(*registry::directory_of("/srv/backup") == "/srv/backup");
  CHECK(*registry::directory_of("file:///srv/back%20up") == "/srv/back up");
  CHECK(*registry::directory_of("./a%20b") == "./a%20b");
  for (const char* bad : {"", "file://elsewhere/dir", "file:///dir?create=yes", "file:///a%zz"}) {
    REQUIRE_FALSE(registry::directory_of(bad).ok());
    CHECK(registry::directory_of(bad).error().code() == ErrorCode::invalid_argument);
  }
}

TEST_CASE("storages open by address; what nobody knows is unsupported and named") {
  CHECK(storage_error("mem:") == ErrorCode::ok);
  CHECK(storage_error("mem:x") == ErrorCode::invalid_argument);
  CHECK(storage_error("/nowhere/at/all") == ErrorCode::not_found);
  CHECK(storage_error("gopher://old") == ErrorCode::unsupported);
  CHECK(open_storage(Context(), "gopher://old").error().to_string().find("gopher") != std::string::npos);
}

TEST_CASE("throttle and retry wrap a storage without changing what it is") {
  StorageOptions options;
  options.upload_bytes_per_second = 1 << 20;
  options.attempts = 3;
  const Result<StoragePtr> storage = open_storage(Context(), "mem:", options);
  REQUIRE(storage.ok());
  CHECK((*storage)->info().scheme == "mem");
  CHECK((*storage)->put(Context(), "a/b", as_bytes("bytes"), {}).ok());
  CHECK(as_text(*(*storage)->get(Context(), "a/b", {})) == "bytes");
}

TEST_CASE("read only, calls at once and a cache wrap a storage that is opened by its address") {
  const drkit::testing::TempDir dir;
  const std::string place = dir.path() + "/place";
  // SHA-256 of "abc".
  const std::string key = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  StorageOptions writing;
  writing.create = true;
  const auto writer = open_storage({}, place, writing);
  REQUIRE(writer.ok());
  REQUIRE((*writer)->put({}, key, as_bytes("abc"), {}).ok());
  StorageOptions reading;
  reading.read_only = true;
  reading.concurrency = 2;
  reading.cache_directory = dir.path() + "/cache";
  reading.cache_bytes = 1 << 20;
  for (const std::string& address : {place, "mirror:" + place + "|" + place}) {
    CAPTURE(address);
    const auto reader = open_storage({}, address, reading);
    REQUIRE_MESSAGE(reader.ok(), reader.error().to_string());
    CHECK_FALSE((*reader)->info().writable);
    CHECK((*reader)->put({}, "k", as_bytes("v"), {}).error().code() == ErrorCode::permission_denied);
    CHECK((*reader)->remove({}, key).error().code() == ErrorCode::permission_denied);
    CHECK((*reader)->get({}, key, {}).ok());
  }
  const auto reader = open_storage({}, place, reading);
  REQUIRE(reader.ok());
  REQUIRE((*writer)->remove({}, key).ok());
  const auto kept = (*reader)->get({}, key, {});
  REQUIRE_MESSAGE(kept.ok(), kept.error().to_string());
  CHECK(as_text(*kept) == "abc");
  reading.create = true;
  CHECK(open_storage({}, place, reading).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("sources open by address and look at their options") {
  const std::string directory = std::filesystem::temp_directory_path().string();
  CHECK(source_error(directory) == ErrorCode::ok);
  CHECK(source_error("file://" + directory) == ErrorCode::ok);
  CHECK(source_error("exec:true") == ErrorCode::ok);
  CHECK(source_error("exec:") == ErrorCode::invalid_argument);
  CHECK(source_error("postgres:host=/nowhere") == ErrorCode::ok);
  CHECK(source_error("postgresql://user@localhost:5432/db") == ErrorCode::ok);
  CHECK(source_error("gopher://old") == ErrorCode::unsupported);
  SourceOptions options;
  options.mode = "sideways";
  CHECK(source_error("postgres:host=/nowhere", options) == ErrorCode::invalid_argument);
  options = {};
  options.what = "dump";
  CHECK(source_error("postgres:host=/nowhere", options) == ErrorCode::ok);
  options.what = "soul";
  CHECK(source_error("postgres:host=/nowhere", options) == ErrorCode::invalid_argument);
  options = {};
  options.max_rate_kib = 1ULL << 40U;
  CHECK(source_error("postgres:host=/nowhere", options) == ErrorCode::invalid_argument);
}

TEST_CASE("an option that a source would not look at is refused with its name") {
  const auto refused = [](std::string_view address, const SourceOptions& options, const std::string& option) {
    const auto source = open_source(Context(), address, options);
    REQUIRE_FALSE(source.ok());
    CHECK(source.error().code() == ErrorCode::invalid_argument);
    CHECK_MESSAGE(source.error().to_string().find("option=" + option) != std::string::npos, source.error().to_string());
  };
  SourceOptions excludes, one_file_system, mode, what, rate;
  excludes.excludes = {"**"};
  one_file_system.one_file_system = true;
  mode.mode = "local";
  what.what = "dump";
  rate.max_rate_kib = 100;
  for (const char* address : {"exec:echo", "postgres:host=/nowhere", "postgresql://nowhere/x"}) {
    CAPTURE(address);
    refused(address, excludes, "excludes");
    refused(address, one_file_system, "one_file_system");
  }
  for (const char* address : {"exec:echo", "/tmp", "file:///tmp"}) {
    CAPTURE(address);
    refused(address, mode, "mode");
    refused(address, what, "what");
    refused(address, rate, "max_rate_kib");
  }
  CHECK(source_error("postgres:host=/nowhere", what) == ErrorCode::ok);
  CHECK(source_error("gopher://old", what) == ErrorCode::unsupported);
  what.mode = "stream";
  refused("postgres:host=/nowhere", what, "mode");
  rate.what = "dump";
  refused("postgres:host=/nowhere", rate, "max_rate_kib");
}

TEST_CASE("targets follow the address and the snapshot's system") {
  Snapshot files;
  files.source_kind = "filesystem";
  Snapshot postgres;
  postgres.source_kind = "postgres";
  CHECK(target_error("/tmp/new", files) == ErrorCode::ok);
  CHECK(target_error("/tmp/new", postgres) == ErrorCode::ok);
  CHECK(target_error("-", files) == ErrorCode::ok);
  CHECK(target_error("exec:cat", files) == ErrorCode::ok);
  CHECK(target_error("exec:", files) == ErrorCode::invalid_argument);
  CHECK(target_error("s3://bucket", files) == ErrorCode::unsupported);
  TargetOptions options;
  options.all_tablespaces_under = "/tmp/spaces";
  CHECK(target_error("/tmp/new", postgres, options) == ErrorCode::ok);
  CHECK(target_error("/tmp/new", files, options) == ErrorCode::invalid_argument);
}
