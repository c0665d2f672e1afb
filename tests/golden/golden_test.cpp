// The library reads every golden repository of format 1 as it was when it was made.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <drkit/restore.hpp>
#include <drkit/sources.hpp>
#include <drkit/storage.hpp>
#include <nlohmann/json.hpp>

#include "crypto/sha256.hpp"
#include "golden/list_source.hpp"
#include "testing/hex.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<fs::path> golden_repositories() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(DRKIT_GOLDEN_DIR)) found.push_back(entry.path());
  return found;
}

OpenOptions with_password(const fs::path& golden) {
  OpenOptions options;
  options.credential.password = Secret::from_text(slurp(golden / "password.txt"));
  return options;
}
OpenOptions with_key(const fs::path& golden, const char* name) {
  OpenOptions options;
  options.credential.key = Secret::from_text(slurp(golden / name));
  return options;
}

Json describe(const Entry& e) {
  Json json;
  json["path_hex"] = to_hex(as_bytes(e.path));
  json["type"] = golden::type_name(e.type);
  json["mode"] = e.mode;
  json["mtime_ns"] = e.mtime_ns;
  json["size"] = e.size_bytes;
  if (!e.link_target.empty()) json["link_hex"] = to_hex(as_bytes(e.link_target));
  if (e.problem) json["problem"] = static_cast<int>(e.problem->code);
  const bool digest = e.problem || e.sha256 != Sha256Digest{};
  if ((e.type == EntryType::regular || e.type == EntryType::stream) && digest) json["sha256"] = to_hex(e.sha256);
  for (const ExtendedAttribute& attribute : e.xattrs) {
    json["xattrs"][to_hex(as_bytes(attribute.name))] = to_hex(as_bytes(attribute.value));
  }
  return json;
}

void check_restored(const Json& entry, const fs::path& root) {
  const Bytes name = from_hex(entry["path_hex"].get<std::string>());
  const fs::path path = root / std::string(as_text(name));
  CAPTURE(path);
  if (entry["type"] == "symlink") {
    CHECK(to_hex(as_bytes(fs::read_symlink(path).string())) == entry["link_hex"]);
  } else if (entry["type"] == "regular" && !entry.contains("problem")) {
    const std::string content = slurp(path);
    CHECK(content.size() == entry["size"]);
    CHECK(to_hex(crypto::sha256(as_bytes(content))) == entry[entry.contains("sha256") ? "sha256" : "true_sha256"]);
    CHECK(static_cast<unsigned>(fs::status(path).permissions()) == entry["mode"]);
  } else if (entry["type"] == "hardlink") {
    CHECK(fs::hard_link_count(path) == 2);
  } else if (entry["type"] == "directory") {
    CHECK(fs::is_directory(path));
  }
}

void check_snapshot(const Repository& repository, const Snapshot& snapshot, const Json& expected) {
  const Context ctx;
  CAPTURE(snapshot.id);
  CHECK(snapshot.id == expected["id"]);
  CHECK(status_name(snapshot.status) == expected["status"]);
  CHECK(snapshot.time_ns == expected["time_ns"]);
  CHECK(Json(snapshot.tags) == expected["tags"]);
  CHECK(to_hex(as_bytes(snapshot.host)) == expected["host_hex"]);
  CHECK(snapshot.receipt.at("made_by") == "make_golden");
  Json entries = Json::array();
  REQUIRE(list_entries(ctx, repository, snapshot, "", [&](const Entry& entry) {
            entries.push_back(describe(entry));
            return true;
          }).ok());
  Json wanted = expected["entries"];
  for (Json& entry : wanted) entry.erase("true_sha256");
  CHECK(entries == wanted);
  if (entries.front()["type"] == "stream") return;
  const TempDir dir;
  auto target = make_filesystem_target(dir / "restored", {.skip_unsupported_attributes = true});
  REQUIRE(target.ok());
  const auto restored = restore(ctx, repository, snapshot, **target);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  CHECK(restored->status == snapshot.status);
  for (const Json& entry : expected["entries"]) check_restored(entry, dir / "restored");
}

/// Reads everything that a full key can read.
Result<void> read_all(const StoragePtr& storage, const fs::path& golden) {
  const Context ctx;
  DRKIT_ASSIGN(const Repository repository, Repository::open(ctx, storage, with_password(golden)));
  DRKIT_ASSIGN(const std::vector<Snapshot> snapshots, repository.snapshots(ctx));
  for (const Snapshot& snapshot : snapshots) {
    const TempDir dir;
    DRKIT_ASSIGN(const auto target, make_filesystem_target(dir / "restored", {.skip_unsupported_attributes = true}));
    DRKIT_TRY(restore(ctx, repository, snapshot, *target));
  }
  return {};
}

}  // namespace

TEST_CASE("every golden repository opens with its password and its owner's key and comes back as it was") {
  const Context ctx;
  REQUIRE(golden_repositories().size() >= 4);
  for (const fs::path& golden : golden_repositories()) {
    CAPTURE(golden);
    const Json expected = Json::parse(slurp(golden / "expected.json"));
    for (const bool by_password : {true, false}) {
      auto storage = make_local_storage((golden / "repository").string());
      REQUIRE(storage.ok());
      auto options = by_password ? with_password(golden) : with_key(golden, "owner.key");
      const auto repository = Repository::open(ctx, read_only(*storage), std::move(options));
      REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
      CHECK(repository->role() == KeyRole::full);
      const auto snapshots = repository->snapshots(ctx);
      REQUIRE_MESSAGE(snapshots.ok(), snapshots.error().to_string());
      REQUIRE(snapshots->size() == expected["snapshots"].size());
      for (std::size_t i = 0; i < snapshots->size(); ++i) {
        check_snapshot(*repository, (*snapshots)[i], expected["snapshots"][i]);
      }
    }
  }
}

TEST_CASE("a write-only key lists the snapshots of a golden repository and reads nothing") {
  const Context ctx;
  for (const fs::path& golden : golden_repositories()) {
    CAPTURE(golden);
    const auto storage = make_local_storage((golden / "repository").string());
    const auto repository = Repository::open(ctx, read_only(*storage), with_key(golden, "host.key"));
    REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
    CHECK(repository->role() == KeyRole::write);
    const auto snapshots = repository->snapshots(ctx);
    REQUIRE(snapshots.ok());
    CHECK_FALSE(snapshots->empty());
    const auto listed = list_entries(ctx, *repository, snapshots->front(), "", [](const Entry&) { return true; });
    REQUIRE_FALSE(listed.ok());
    CHECK(listed.error().code() == ErrorCode::permission_denied);
  }
}

TEST_CASE("one flipped bit in any object that a restore reads is refused, and an index that is damaged done without") {
  const fs::path golden = fs::path(DRKIT_GOLDEN_DIR) / "history";
  const auto inner = make_local_storage((golden / "repository").string());
  REQUIRE(inner.ok());
  for (const char* prefix : {"config", "index/", "snapshots/", "forgotten/", "meta/", "data/"}) {
    for (const std::uint64_t position : {std::uint64_t{3}, std::uint64_t{1001}, std::uint64_t{7777}}) {
      CAPTURE(prefix);
      CAPTURE(position);
      FaultPlan plan;
      plan.faults.push_back({.kind = FaultKind::bit_flip,
                             .call = StorageCall::get,
                             .times = 1'000'000,
                             .key_prefix = prefix,
                             .position = position});
      const auto read = read_all(with_faults(*inner, plan), golden);
      if (prefix == std::string("index/")) {
        CHECK_MESSAGE(read.ok(), read.error().to_string());
        continue;
      }
      REQUIRE_FALSE(read.ok());
      // A flipped version is a version that nobody knows.
      const ErrorCode code = read.error().code();
      CHECK_MESSAGE((code == ErrorCode::corrupt || code == ErrorCode::version_unsupported), read.error().to_string());
    }
  }
}
