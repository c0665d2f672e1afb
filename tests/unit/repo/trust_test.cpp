// What an attacker with the storage, or with the storage and a write key, cannot do.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <drkit/backup.hpp>
#include <drkit/sources.hpp>
#include <drkit/storage.hpp>

#include "crypto/random.hpp"
#include "crypto/sha256.hpp"
#include "format/snapshot.hpp"
#include "repo/impl.hpp"
#include "repo/keyring.hpp"
#include "repo/layout.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::TempDir;

namespace {

constexpr PasswordCost kCheap{.operations = 1, .memory_bytes = 1 << 20};

Repository make(const StoragePtr& storage, const std::string& recipient = "") {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = kCheap;
  if (!recipient.empty()) options.recipients.push_back(recipient);
  auto made = Repository::create({}, storage, std::move(options));
  REQUIRE_MESSAGE(made.ok(), made.error().to_string());
  return std::move(*made);
}

Result<Repository> open(const StoragePtr& storage, const std::string& cache = "", const KeyFile* key = nullptr) {
  OpenOptions options;
  if (key != nullptr) options.credential.key = key->secret_key.clone();
  if (key == nullptr) options.credential.password = Secret::from_text("pw");
  options.cache_directory = cache;
  return Repository::open({}, storage, std::move(options));
}

Snapshot back_up(Repository& repository) {
  auto source = make_process_source("echo something");
  REQUIRE(source.ok());
  auto snapshot = backup({}, repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  return *snapshot;
}

std::vector<std::string> names(Storage& storage, std::string_view prefix) {
  auto keys = repo::list_keys({}, storage, prefix);
  REQUIRE(keys.ok());
  return *keys;
}

void flip(Storage& storage, const std::string& key) {
  auto bytes = storage.get({}, key, {});
  REQUIRE(bytes.ok());
  (*bytes)[bytes->size() / 2] ^= std::byte{1};
  REQUIRE(storage.put({}, key, *bytes, {}).ok());
}

}  // namespace

TEST_CASE("a repository of someone else's making in the place of a known one is refused by machines that remember") {
  const TempDir dir;
  const auto key = KeyFile::generate();
  REQUIRE(key.ok());
  const auto first = make_local_storage(dir / "place", {.create = true});
  make(*first, key->public_key);
  const std::string cache = dir / "cache";
  REQUIRE(open(*first, cache, &*key).ok());
  REQUIRE(open(*first, cache, &*key).ok());
  std::filesystem::rename(dir / "place", dir / "aside");
  const auto second = make_local_storage(dir / "place", {.create = true});
  make(*second, key->public_key);
  const auto opened = open(*second, cache, &*key);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code() == ErrorCode::corrupt);
  CHECK(opened.error().context().front().first == "file");
  // A machine without memory cannot know.
  CHECK(open(*second, dir / "other cache", &*key).ok());
}

TEST_CASE("a writer cannot slip a data key of its own into another's slot") {
  const TempDir dir;
  const StoragePtr storage = make_memory_storage();
  const auto victim = KeyFile::generate();
  REQUIRE(victim.ok());
  Repository repository = make(storage);
  REQUIRE(repository.add_recipient({}, victim->public_key, KeyRole::write, "victim").ok());
  REQUIRE(open(storage, dir / "cache", &*victim).ok());
  const Repository::Impl& impl = *repository.impl();
  // What a holder of the write role has, with a generation of its own added, signed as well as it can.
  format::KeySet forged = repo::clone_key_set(impl.keys);
  repo::add_data_key(forged);
  forged.signing_secret = Secret::copy_of(crypto::random_bytes(32));
  forged.admin_key = Secret::copy_of(crypto::random_bytes(32));
  const auto public_key = repo::parse_public_key(victim->public_key);
  REQUIRE(public_key.ok());
  for (const bool own_signing_key : {false, true}) {
    CAPTURE(own_signing_key);
    if (own_signing_key) {
      const auto pair = crypto::signing_key_pair_from_seed(forged.signing_secret.view());
      REQUIRE(pair.ok());
      forged.signing_public = pair->public_key;
    }
    format::ObjectId id{};
    const auto slot = repo::seal_recipient_slot(forged, impl.id, id, *public_key, {KeyRole::write, "", 0});
    REQUIRE(slot.ok());
    for (const std::string& name : names(*storage, "keys/")) REQUIRE(storage->remove({}, name).ok());
    REQUIRE(repo::put_object({}, *storage, repo::object_key(repo::kSlotPrefix, id), format::Kind::key_slot,
                             format::encode_slot(*slot))
                .ok());
    const auto opened = open(storage, dir / "cache", &*victim);
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().code() == ErrorCode::corrupt);
  }
}

TEST_CASE("a damaged slot does not lock out who has another") {
  const StoragePtr storage = make_memory_storage();
  Repository repository = make(storage);
  const std::string good = names(*storage, "keys/").front();
  const auto key = KeyFile::generate();
  REQUIRE(key.ok());
  for (int i = 0; i < 4; ++i) REQUIRE(repository.add_recipient({}, key->public_key, KeyRole::full, "").ok());
  for (const std::string& name : names(*storage, "keys/")) {
    if (name != good) flip(*storage, name);
  }
  CHECK(open(storage).ok());
  const auto by_key = open(storage, "", &*key);
  REQUIRE_FALSE(by_key.ok());
  CHECK(by_key.error().code() == ErrorCode::corrupt);
}

TEST_CASE("an index object counts only under its own name, and until another one replaces it") {
  const StoragePtr storage = make_memory_storage();
  Repository repository = make(storage);
  back_up(repository);
  Repository::Impl& impl = *repository.impl();
  const auto objects = names(*storage, "index/");
  REQUIRE(objects.size() == 1);
  auto reopened = open(storage);
  REQUIRE(reopened.ok());
  const auto before = reopened->impl()->index({});
  REQUIRE(before.ok());
  REQUIRE((*before)->pack_count() == 2);

  const auto replaced = base::array_from_hex<32>(repo::object_name(objects.front()));
  REQUIRE(replaced.has_value());
  REQUIRE(repo::put_index({}, impl, {{*replaced}, {}}).ok());
  const auto after = reopened->impl()->index({}, true);
  REQUIRE(after.ok());
  CHECK((*after)->pack_count() == 0);

  const auto bytes = storage->get({}, objects.front(), {});
  REQUIRE(bytes.ok());
  REQUIRE(storage->put({}, "index/" + std::string(64, '0'), *bytes, {}).ok());
  const auto misnamed = open(storage)->impl()->index({});
  REQUIRE(misnamed.ok());
  CHECK((*misnamed)->pack_count() == 0);
}

TEST_CASE("a handle forgets packs whose index object is gone") {
  const StoragePtr storage = make_memory_storage();
  Repository repository = make(storage);
  back_up(repository);
  REQUIRE((*repository.impl()->index({}))->pack_count() == 2);
  for (const char* prefix : {"index/", "data/", "meta/"}) {
    for (const std::string& name : names(*storage, prefix)) REQUIRE(storage->remove({}, name).ok());
  }
  const Snapshot again = back_up(repository);
  CHECK(again.stats.chunks_new == 1);
}

TEST_CASE("a forgotten snapshot that the storage brings back stays forgotten") {
  const StoragePtr storage = make_memory_storage();
  Repository repository = make(storage);
  const Snapshot snapshot = back_up(repository);
  back_up(repository);
  const std::string key = "snapshots/" + snapshot.id;
  const auto bytes = storage->get({}, key, {});
  REQUIRE(bytes.ok());
  REQUIRE(repository.forget({}, snapshot.id).ok());
  REQUIRE(storage->put({}, key, *bytes, {}).ok());
  const auto listed = repository.snapshots({});
  REQUIRE_MESSAGE(listed.ok(), listed.error().to_string());
  REQUIRE(listed->size() == 1);
  CHECK(listed->front().id != snapshot.id);
}

TEST_CASE("an object larger than its kind allows is refused without reading it all") {
  const StoragePtr inner = make_memory_storage();
  make(inner);
  const auto counts = std::make_shared<CallCounts>();
  REQUIRE(inner->put({}, "config", Bytes(10 << 20), {}).ok());
  const auto opened = open(with_faults(inner, {}, counts));
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code() == ErrorCode::corrupt);
  CHECK(counts->bytes_got <= (1 << 17));
}

TEST_CASE("a cache that cannot be made is a warning, told once, and the repository works without") {
  class Heard final : public LogSink {
   public:
    void log(LogLevel level, std::string_view message) noexcept override {
      if (level == LogLevel::warning) lines.emplace_back(message);
    }
    std::vector<std::string> lines;
  };
  const TempDir dir;
  const auto storage = make_local_storage(dir / "place", {.create = true});
  make(*storage);
  std::string cache;
  SUBCASE("a file lies in the way") {
    cache = dir / "file/cache";
    std::ofstream(dir / "file") << "no folder";
  }
  SUBCASE("its memory belongs to somebody else") {
    cache = dir / "cache";
    REQUIRE(open(*storage, cache).ok());
    std::filesystem::remove_all(dir / "cache/places");
    std::ofstream(dir / "cache/places") << "no folder";
  }
  Heard heard;
  Context ctx;
  ctx.log = &heard;
  OpenOptions options;
  options.credential.password = Secret::from_text("pw");
  options.cache_directory = cache;
  auto opened = Repository::open(ctx, *storage, std::move(options));
  REQUIRE_MESSAGE(opened.ok(), opened.error().to_string());
  auto source = make_process_source("echo something");
  const auto snapshot = backup(ctx, *opened, **source);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  CHECK(opened->snapshots(ctx)->size() == 1);
  REQUIRE(heard.lines.size() == 1);
  CHECK(heard.lines[0].find("no local cache") != std::string::npos);
}
