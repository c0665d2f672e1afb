// Receiving from a real server when slot or storage fail: nothing is given up in silence.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include <drkit/storage.hpp>
#include <drkit/wal_receive.hpp>

#include "integration/postgres_support.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace std::chrono_literals;
using drkit::testing::words;

namespace {

/// Takes nothing in while it is stuck, until its caller cancels.
class StuckStorage final : public Storage {
 public:
  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    if (stuck) waiting = true;
    while (stuck) {
      DRKIT_TRY(ctx.check_cancelled());
      std::this_thread::sleep_for(10ms);
    }
    return inner_->put(ctx, key, bytes, options);
  }
  Result<void> remove(const Context& ctx, std::string_view key) override { return inner_->remove(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    if (const auto work = std::exchange(before_list, nullptr)) work();
    return inner_->list(ctx, prefix, visit);
  }
  std::function<void()> before_list;  ///< once
  std::atomic<bool> stuck{false}, waiting{false};

 private:
  StoragePtr inner_ = make_memory_storage();
};

Repository make(const StoragePtr& storage) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto made = Repository::create({}, storage, std::move(options));
  REQUIRE_MESSAGE(made.ok(), words(made));
  return std::move(*made);
}

struct Fixture {
  test::TemporaryFolder folder;
  test::Server server{15, folder / "server", {"max_slot_wal_keep_size=16MB"}};
  std::shared_ptr<StuckStorage> storage = std::make_shared<StuckStorage>();
  WalArchive archive{make(storage)};
  Context ctx;
  WalReceiveOptions options;

  Fixture() {
    options.slot = "drk";
    options.store_every = 20ms;
  }
  std::string sql(const std::string& statement) const { return test::sql(server.conninfo(), statement); }
  /// Until everything is stored that the server has written by now.
  Result<WalReceived> receive() {
    options.until_lsn = std::stoull(sql("select (pg_current_wal_flush_lsn() - '0/0')::bigint"));
    return receive_wal(ctx, archive, server.conninfo(), options);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a slot that lost its log is made anew only when slots may be made") {
  const auto first = receive();
  REQUIRE_MESSAGE(first.ok(), words(first));
  CHECK(first->gaps == 0);
  for (int round = 0; round < 5; ++round) {
    sql("create table t" + std::to_string(round) + " as select 1 as id");
    sql("select pg_switch_wal()");
    sql("checkpoint");
  }
  const std::string slot = "select slot_name || ' ' || wal_status from pg_replication_slots";
  REQUIRE(sql(slot) == "drk lost");

  options.create_slot = false;
  CHECK(receive().error().code() == ErrorCode::precondition_failed);
  CHECK(sql(slot) == "drk lost");
  options.create_slot = true;
  const auto second = receive();
  REQUIRE_MESSAGE(second.ok(), words(second));
  CHECK(second->gaps == 1);
  CHECK(second->stored_lsn >= options.until_lsn);
  CHECK(sql(slot) != "drk lost");
  // Nothing but the gap is missing, and it is asked for only once.
  const auto third = receive();
  REQUIRE_MESSAGE(third.ok(), words(third));
  CHECK(third->gaps == 0);
}

TEST_CASE_FIXTURE(Fixture, "log that the storage does not take in after a cancel is counted, and comes again") {
  REQUIRE(receive().ok());
  Result<WalReceived> received = WalReceived{};
  options.until_lsn = 0;
  std::thread receiver([&] { received = receive_wal(ctx, archive, server.conninfo(), options); });
  storage->stuck = true;
  sql("create table history as select 1 as id");
  for (int round = 0; round < 2000 && !storage->waiting; ++round) std::this_thread::sleep_for(10ms);
  CHECK(storage->waiting);
  ctx.cancel.cancel();
  receiver.join();
  REQUIRE_MESSAGE(received.ok(), words(received));
  CHECK(received->unstored_bytes > 0);
  storage->stuck = false;
  ctx.cancel = CancelToken();
  const auto again = receive();
  REQUIRE_MESSAGE(again.ok(), words(again));
  CHECK(again->unstored_bytes == 0);
  CHECK(again->gaps == 0);
}

TEST_CASE_FIXTURE(Fixture, "what another receiver stores meanwhile is not taken for log that the server has lost") {
  REQUIRE(receive().ok());
  const WalReceiveOptions mine = options;
  storage->before_list = [&] {
    sql("create table history as select 1 as id");
    options.slot.clear();
    const auto other = receive();
    REQUIRE_MESSAGE(other.ok(), words(other));
  };
  const auto received = receive_wal(ctx, archive, server.conninfo(), mine);
  REQUIRE_MESSAGE(received.ok(), words(received));
  CHECK(received->gaps == 0);
}

TEST_CASE_FIXTURE(Fixture, "with a spool what is acknowledged survives outages of storage and server together") {
  options.durable = WalDurable::spool;
  options.spool_directory = (folder / "spool").string();
  REQUIRE(receive().ok());
  const auto acknowledged = [&] {
    return sql("select coalesce(bool_or(flush_lsn >= pg_current_wal_flush_lsn()), false) from pg_stat_replication") ==
           "t";
  };
  const auto wait_acknowledged = [&] {
    for (int round = 0; round < 2000 && !acknowledged(); ++round) std::this_thread::sleep_for(10ms);
    CHECK(acknowledged());
  };
  WalReceiveOptions endless = options;
  endless.until_lsn = 0;
  Result<WalReceived> received = WalReceived{};
  storage->stuck = true;
  std::thread receiver([&] { received = receive_wal(ctx, archive, server.conninfo(), endless); });
  for (int round = 0; round < 5; ++round) {
    sql("create table t" + std::to_string(round) + " as select 1 as id");
    sql("select pg_switch_wal()");
    wait_acknowledged();
    if (round == 2) {
      server.stop();
      server.start_again();
    }
  }
  const auto end = std::stoull(sql("select (pg_current_wal_flush_lsn() - '0/0')::bigint"));
  const auto before = archive.list({}, std::nullopt);
  storage->stuck = false;
  for (int round = 0; round < 2000; ++round) {
    const auto objects = archive.list({}, std::nullopt);
    REQUIRE(objects.ok());
    if (objects->back().name.end >= end) break;
    std::this_thread::sleep_for(10ms);
  }
  ctx.cancel.cancel();
  receiver.join();
  REQUIRE_MESSAGE(received.ok(), words(received));
  CHECK(received->stored_lsn >= end);
  CHECK(received->segments >= 5);
  CHECK(received->connections == 2);
  CHECK(received->unstored_bytes == 0);
  REQUIRE(before.ok());
  CHECK(before->back().name.end + (std::uint64_t{4} << 24) <= end);
}
