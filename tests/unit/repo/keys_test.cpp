// Key slots when two administrators meet, and at their limits.
#include <doctest/doctest.h>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>
#include <drkit/sources.hpp>
#include <drkit/storage.hpp>

#include "repo/impl.hpp"
#include "repo/keyring.hpp"
#include "repo/layout.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using drkit::testing::words;

namespace {

constexpr PasswordCost kCheap{.operations = 1, .memory_bytes = 1 << 20};

/// Lets somebody else act just before the first removal of a key slot.
class Meanwhile final : public Storage {
 public:
  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return inner_->put(ctx, key, bytes, options);
  }
  Result<void> remove(const Context& ctx, std::string_view key) override {
    if (act && key.starts_with(repo::kSlotPrefix)) std::exchange(act, nullptr)();
    return inner_->remove(ctx, key);
  }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }
  std::function<void()> act;

 private:
  StoragePtr inner_ = make_memory_storage();
};

Credential password(const std::string& text) { return {Secret::from_text(text), std::nullopt}; }

struct Fixture {
  Fixture() {
    CreateOptions options;
    options.passwords.push_back(Secret::from_text("pw"));
    options.password_cost = kCheap;
    auto made = Repository::create({}, storage, std::move(options));
    REQUIRE_MESSAGE(made.ok(), words(made));
  }

  Repository open(const std::string& text = "pw") const {
    OpenOptions options;
    options.credential = password(text);
    auto opened = Repository::open({}, storage, std::move(options));
    REQUIRE_MESSAGE(opened.ok(), words(opened));
    return std::move(*opened);
  }

  std::shared_ptr<Meanwhile> storage = std::make_shared<Meanwhile>();
};

Snapshot back_up(Repository& repository, const std::string& text) {
  auto source = make_process_source("echo " + text);
  REQUIRE(source.ok());
  const auto snapshot = backup({}, repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  return *snapshot;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "two who remove each other's keys at the same time leave one that opens") {
  Repository first = open();
  REQUIRE(first.add_password({}, Secret::from_text("other"), KeyRole::full, "", kCheap).ok());
  Repository second = open("other");
  Result<void> removed_first = Error(ErrorCode::internal, "not run");
  storage->act = [&] { removed_first = second.remove_key({}, first.impl()->slot_id); };
  const auto removed_second = first.remove_key({}, second.impl()->slot_id);
  CHECK(removed_first.ok());
  REQUIRE_FALSE(removed_second.ok());
  CHECK(removed_second.error().code() == ErrorCode::precondition_failed);
  CHECK(open("other").keys({})->size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "of two who rotate at the same time one is refused, and every snapshot stays readable") {
  const KeyFile file = *KeyFile::generate();
  Repository first = open();
  REQUIRE(first.add_recipient({}, file.public_key, KeyRole::full, "").ok());
  OpenOptions by_key;
  by_key.credential.key = file.secret_key.clone();
  auto second = Repository::open({}, storage, std::move(by_key));
  REQUIRE(second.ok());
  const Snapshot before = back_up(first, "before");
  Error refused(ErrorCode::internal, "not run");
  storage->act = [&] {
    const auto rotated = second->rotate_key({}, Credential{std::nullopt, file.secret_key.clone()});
    REQUIRE_FALSE(rotated.ok());
    refused = rotated.error();
  };
  const auto rotated = first.rotate_key({}, password("pw"));
  REQUIRE_MESSAGE(rotated.ok(), words(rotated));
  CHECK(refused.code() == ErrorCode::precondition_failed);
  const Snapshot after = back_up(first, "after");
  OpenOptions again;
  again.credential.key = file.secret_key.clone();
  const auto reader = Repository::open({}, storage, std::move(again));
  REQUIRE(reader.ok());
  for (const Snapshot* snapshot : {&before, &after}) {
    testing::BytesSink sink;
    const auto read = read_entry({}, *reader, *snapshot, "stdout", sink);
    CHECK_MESSAGE(read.ok(), words(read));
  }
}

TEST_CASE_FIXTURE(Fixture, "the rotation that a key set has no room for is refused before anything changes") {
  Repository repository = open();
  while (repository.impl()->keys.data_keys.size() < format::kMaxGenerations) {
    repo::add_data_key(repository.impl()->keys);
  }
  const auto rotated = repository.rotate_key({}, password("pw"));
  REQUIRE_FALSE(rotated.ok());
  CHECK(rotated.error().code() == ErrorCode::precondition_failed);
  CHECK(open().keys({})->size() == 1);
}

TEST_CASE("a repository made for recipients alone can rotate, and keeps the key that opened it") {
  const KeyFile file = *KeyFile::generate();
  CreateOptions options;
  options.recipients.push_back(file.public_key);
  auto made = Repository::create({}, make_memory_storage(), std::move(options));
  REQUIRE_MESSAGE(made.ok(), words(made));
  CHECK(made->remove_key({}, made->keys({})->front().id).error().code() == ErrorCode::precondition_failed);
  const auto rotated = made->rotate_key({}, Credential{std::nullopt, file.secret_key.clone()});
  CHECK_MESSAGE(rotated.ok(), words(rotated));
}
