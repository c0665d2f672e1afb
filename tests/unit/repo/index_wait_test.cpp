// The index of a handle is loaded by one; whoever waits for it can give up.
#include <doctest/doctest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include <drkit/backup.hpp>
#include <drkit/sources.hpp>
#include <drkit/storage.hpp>

#include "repo/impl.hpp"
#include "repo/layout.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using drkit::testing::words;

namespace {

constexpr std::chrono::seconds kHanging{20};

/// Does not answer for index objects until it is let go.
class Stuck final : public Storage {
 public:
  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    if (key.starts_with(repo::kIndexPrefix)) wait();
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return inner_->put(ctx, key, bytes, options);
  }
  Result<void> remove(const Context& ctx, std::string_view key) override { return inner_->remove(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }

  void hold() { set(true); }
  void let_go() { set(false); }
  bool is_waited_for() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kHanging, [this] { return waiting_ > 0; });
  }

 private:
  void set(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    --waiting_;
  }

  StoragePtr inner_ = make_memory_storage();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int waiting_ = 0;
};

struct Bench {
  std::shared_ptr<Stuck> storage = std::make_shared<Stuck>();
  std::shared_ptr<Repository::Impl> impl;

  Bench() {
    CreateOptions create;
    create.passwords.push_back(Secret::from_text("pw"));
    create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
    auto created = Repository::create({}, storage, std::move(create));
    REQUIRE_MESSAGE(created.ok(), words(created));
    auto source = make_process_source("echo content");
    REQUIRE(source.ok());
    REQUIRE(backup({}, *created, **source).ok());
    OpenOptions options;
    options.credential.password = Secret::from_text("pw");
    auto opened = Repository::open({}, storage, std::move(options));
    REQUIRE_MESSAGE(opened.ok(), words(opened));
    impl = opened->impl();
  }

  std::future<ErrorCode> load(const Context& ctx) const {
    return std::async(std::launch::async, [ctx, impl = impl] {
      const auto index = impl->index(ctx, true);
      return index.ok() ? ErrorCode::ok : index.error().code();
    });
  }
};

}  // namespace

TEST_CASE("whoever waits for the index that another one loads can be cancelled") {
  const Bench bench;
  bench.storage->hold();
  const Context first;
  Context second;
  auto loading = bench.load(first);
  REQUIRE(bench.storage->is_waited_for());
  auto waiting = bench.load(second);
  auto listing = std::async(std::launch::async, [&bench, &second] {
    repo::Index own("/var/tmp");
    const auto listed = bench.impl->list_packs(second, own, {});
    return listed.ok() ? ErrorCode::ok : listed.error().code();
  });
  CHECK(waiting.wait_for(std::chrono::milliseconds(200)) == std::future_status::timeout);
  second.cancel.cancel();
  const bool gave_up = waiting.wait_for(kHanging) == std::future_status::ready;
  const bool gave_up_too = listing.wait_for(kHanging) == std::future_status::ready;
  const bool first_goes_on = loading.wait_for(std::chrono::seconds(0)) == std::future_status::timeout;
  bench.storage->let_go();
  CHECK(gave_up);
  CHECK(gave_up_too);
  CHECK(first_goes_on);
  CHECK(waiting.get() == ErrorCode::cancelled);
  CHECK(listing.get() == ErrorCode::cancelled);
  CHECK(loading.get() == ErrorCode::ok);
}

TEST_CASE("one loads the index at a time, and who comes after a failed load loads it again") {
  const Bench bench;
  bench.storage->hold();
  Context first;
  auto loading = bench.load(first);
  REQUIRE(bench.storage->is_waited_for());
  std::vector<std::future<ErrorCode>> others;
  for (int i = 0; i < 3; ++i) others.push_back(bench.load({}));
  first.cancel.cancel();
  bench.storage->let_go();
  for (auto& other : others) {
    REQUIRE(other.wait_for(kHanging) == std::future_status::ready);
    CHECK(other.get() == ErrorCode::ok);
  }
  const ErrorCode own = loading.get();
  CHECK((own == ErrorCode::ok || own == ErrorCode::cancelled));
  const auto index = bench.impl->index({});
  REQUIRE(index.ok());
  CHECK((*index)->chunk_count() > 0);
}
