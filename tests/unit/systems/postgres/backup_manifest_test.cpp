#include <doctest/doctest.h>

#include "systems/postgres/backup_manifest.hpp"
#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/sha256.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

std::string sealed(const std::string& body) {
  Sha256 hash;
  hash.update(as_bytes(body));
  return body + "\"Manifest-Checksum\": \"" + to_hex(hash.finish()) + "\"}\n";
}

std::string manifest(
    const std::string& version, const std::string& files,
    const std::string& ranges = R"({ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" })") {
  return sealed("{ \"PostgreSQL-Backup-Manifest-Version\": " + version + ",\n\"Files\": [\n" + files +
                "\n],\n\"WAL-Ranges\": [\n" + ranges + "\n],\n");
}

const std::string kFile = R"({ "Path": "PG_VERSION", "Size": 3, "Last-Modified": "2026-01-01 00:00:00 GMT", )"
                          R"("Checksum-Algorithm": "CRC32C", "Checksum": "d6d1e0a1" })";

Result<std::vector<ManifestFile>> files_of(const std::string& text) {
  std::vector<ManifestFile> files;
  DRKIT_TRY(read_backup_manifest(text, [&files](const ManifestFile& file) {
    files.push_back(file);
    return Result<void>();
  }));
  return files;
}

}  // namespace

TEST_CASE("a manifest gives its files and the WAL that it needs") {
  const auto files = files_of(manifest("1", kFile + ",\n" + R"({ "Encoded-Path": "ff2f61", "Size": 0 })"));
  REQUIRE_MESSAGE(files.ok(), (files.ok() ? "" : files.error().to_string()));
  REQUIRE(files->size() == 2);
  CHECK((*files)[0] == ManifestFile{"PG_VERSION", 3, "CRC32C", "d6d1e0a1"});
  CHECK((*files)[1] == ManifestFile{"\xff/a", 0, "", ""});
  const auto facts = read_backup_manifest(manifest("1", kFile), [](const ManifestFile&) { return Result<void>(); });
  REQUIRE(facts.ok());
  CHECK(facts->wal_ranges == std::vector<WalRange>{{1, 0x2000028, 0x2000100}});
  CHECK(facts->files == 1);
  CHECK_FALSE(facts->system_id.has_value());
}

TEST_CASE("version 2 names the system") {
  const auto facts = read_backup_manifest(manifest("2,\n\"System-Identifier\": 7590000000000000001", kFile),
                                          [](const ManifestFile&) { return Result<void>(); });
  REQUIRE(facts.ok());
  CHECK(facts->version == 2);
  CHECK(*facts->system_id == 7590000000000000001ULL);
}

TEST_CASE("newer versions, wrong shapes and traps are refused") {
  CHECK(files_of(manifest("3", kFile)).error().code() == ErrorCode::version_unsupported);
  const std::string path = R"("Size": 1 })";
  for (const std::string& bad :
       {std::string("[1]"), std::string("null"), std::string("{ \"Path\": \"a\" }"), "{ " + path,
        "{ \"Path\": \"../a\", " + path, "{ \"Path\": \"/a\", " + path, "{ \"Path\": \"\", " + path,
        "{ \"Path\": \"a\", \"Encoded-Path\": \"61\", " + path, "{ \"Encoded-Path\": \"6\", " + path,
        "{ \"Encoded-Path\": \"00\", " + path, "{ \"Path\": \"a\", \"Checksum\": \"00\", " + path,
        std::string("{ \"Path\": \"a\", \"Size\": -1 }"), std::string("{ \"Path\": \"a\", \"Size\": 1e3 }"),
        std::string("{ \"Path\": \"a\", \"Size\": 99999999999999999999999 }"), std::string("{ \"Path\": {} }"),
        std::string(100000, '['), std::string("{ \"Path\": \"\xff\", \"Size\": 1 }")}) {
    const auto files = files_of(manifest("1", bad));
    REQUIRE_FALSE(files.ok());
    CHECK(files.error().code() == ErrorCode::corrupt);
  }
  CHECK_FALSE(files_of(manifest("1", kFile, R"({ "Timeline": 0, "Start-LSN": "0/1", "End-LSN": "0/2" })")).ok());
  CHECK_FALSE(files_of(manifest("1", kFile, R"({ "Timeline": 1, "Start-LSN": "0/1" })")).ok());
  CHECK_FALSE(files_of(sealed("{ \n")).ok());
  CHECK_FALSE(files_of(sealed("{ \"Files\": [\n" + kFile + "\n],\n")).ok());
}

TEST_CASE("a changed manifest is refused before it is read") {
  std::string text = manifest("1", kFile);
  text[text.find("PG_VERSION")] = 'Q';
  bool visited = false;
  const auto facts = read_backup_manifest(text, [&visited](const ManifestFile&) {
    visited = true;
    return Result<void>();
  });
  CHECK(facts.error().code() == ErrorCode::corrupt);
  CHECK_FALSE(visited);
}

TEST_CASE("a manifest whose checksum is too short is refused") {
  const auto files = files_of("{\n\"Manifest-Checksum\": \"81cb\"}\n");
  REQUIRE_FALSE(files.ok());
  CHECK(files.error().code() == ErrorCode::corrupt);
}

TEST_CASE("the visitor's error ends the reading and comes back unchanged") {
  const auto facts = read_backup_manifest(
      manifest("1", kFile), [](const ManifestFile&) { return Result<void>(Error(ErrorCode::cancelled, "enough")); });
  CHECK(facts.error().code() == ErrorCode::cancelled);
}

TEST_CASE("manifests write a CRC-32C lowest byte first") { CHECK(manifest_crc32c(0x12345678) == "78563412"); }
