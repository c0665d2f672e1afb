// Storages that cannot say which of two puts was the first: nothing is lost, and a lease that is gone is noticed.
#include <doctest/doctest.h>

#include "crash/memory_tree.hpp"
#include "crash/warning_log.hpp"
#include "repo/layout.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

/// Overwrites whatever is there, and says beforehand that it may; somebody else acts before or after one of its puts.
class Careless final : public Storage {
 public:
  explicit Careless(StoragePtr inner) : inner_(std::move(inner)) {}

  std::string meddle_prefix;  ///< of the put that is disturbed
  bool meddle_after = false;
  std::function<void(const std::string& key)> meddle;

  StorageInfo info() const override {
    StorageInfo info = inner_->info();
    info.conditional_create = false;
    return info;
  }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions) override {
    const bool here = meddle && !meddle_prefix.empty() && key.starts_with(meddle_prefix);
    if (here && !meddle_after) meddle(std::string(key));
    DRKIT_TRY(inner_->put(ctx, key, bytes, {}));
    if (here && meddle_after) meddle(std::string(key));
    return {};
  }
  Result<void> remove(const Context& ctx, std::string_view key) override { return inner_->remove(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }

 private:
  StoragePtr inner_;
};

struct Place {
  std::shared_ptr<Careless> storage = std::make_shared<Careless>(make_memory_storage());
  WarningLog log;
  Context ctx = log.context();

  Repository create() {
    auto made = Repository::create(ctx, storage, cheap_password("pw"));
    REQUIRE_MESSAGE(made.ok(), made.error().to_string());
    return std::move(*made);
  }
  std::size_t count(const char* prefix) const { return repo::list_keys(Context(), *storage, prefix)->size(); }
};

}  // namespace

TEST_CASE("without an atomic create: backups work, and warn that nothing may be pruned meanwhile") {
  Place place;
  Repository repository = place.create();
  CHECK(place.log.names("no atomic create"));
  const MemoryTree tree = random_tree(1, 3, 500);
  for (int i = 0; i < 3; ++i) {
    const auto snapshot = backup_tree(place.ctx, repository, tree);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
    CHECK(*restore_tree(place.ctx, repository, *snapshot) == tree);
  }
  CHECK(place.log.names("may be pruned"));
  CHECK(repository.snapshots(place.ctx)->size() == 3);
  CHECK(place.count("leases/") == 0);
}

TEST_CASE("without an atomic create: a lease that somebody removed, before the snapshot or right after it") {
  for (const bool after : {false, true}) {
    CAPTURE(after);
    Place place;
    Repository repository = place.create();
    const MemoryTree tree = random_tree(2, 3, 500);
    REQUIRE(backup_tree(place.ctx, repository, tree).ok());
    place.storage->meddle_prefix = "snapshots/";
    place.storage->meddle_after = after;
    place.storage->meddle = [&](const std::string& key) {
      REQUIRE(place.storage->remove(Context(), "leases/" + key.substr(10)).ok());
    };
    const auto late = backup_tree(place.ctx, repository, tree);
    REQUIRE_FALSE(late.ok());
    CHECK(late.error().code() == ErrorCode::precondition_failed);
    place.storage->meddle = nullptr;
    CHECK(repository.snapshots(place.ctx)->size() == 1);
    CHECK(place.count("snapshots/") == 1);
    CHECK(backup_tree(place.ctx, repository, tree).ok());
  }
}

TEST_CASE("without an atomic create: what lies under the snapshot's name is not overwritten") {
  Place place;
  Repository repository = place.create();
  std::string planted;
  place.storage->meddle_prefix = "index/";
  place.storage->meddle = [&](const std::string&) {
    planted = "snapshots/" + repo::list_keys(Context(), *place.storage, "leases/")->front().substr(7);
    place.storage->meddle_prefix.clear();
    REQUIRE(place.storage->put(Context(), planted, Bytes(9), {}).ok());
  };
  const auto made = backup_tree(place.ctx, repository, random_tree(3, 2, 500));
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code() == ErrorCode::precondition_failed);
  REQUIRE_FALSE(planted.empty());
  CHECK(place.storage->get(Context(), planted, {})->size() == 9);
}

TEST_CASE("without an atomic create: who creates a repository notices that its config was replaced") {
  Place other;
  other.create();
  const Bytes foreign = *other.storage->get(Context(), "config", {});
  Place place;
  place.storage->meddle_prefix = "config";
  place.storage->meddle_after = true;
  place.storage->meddle = [&](const std::string& key) {
    place.storage->meddle_prefix.clear();
    REQUIRE(place.storage->put(Context(), key, foreign, {}).ok());
  };
  const auto made = Repository::create(place.ctx, place.storage, cheap_password("pw"));
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code() == ErrorCode::already_exists);
  CHECK(place.count("keys/") == 0);
}
