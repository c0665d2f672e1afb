// A network and servers that fail in the middle: what was put is there whole or not at all, and every call ends in
// time.
#include <doctest/doctest.h>

#include <fstream>
#include <thread>

#include <drkit/drkit.hpp>

#include "integration/s3_support.hpp"
#include "integration/webdav_support.hpp"

using namespace drkit;
using namespace drkit::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr char kPassword[] = "correct horse";

// The misbehaving network before a server that speaks clear text.
struct Line {
  TemporaryFolder folder;
  S3Server server;
  Chaos chaos;

  explicit Line(const S3Server& behind)
      : server(behind), chaos(folder / "chaos", behind.endpoint.substr(std::string("http://").size()), "--http") {
    server.endpoint = "http://" + chaos.host();
  }

  S3Options options(const std::string& bucket) const {
    S3Options options = s3_options(server, bucket);
    options.part_size_bytes = std::size_t{5} << 20;
    options.stall_timeout = seconds(2);
    return options;
  }
};

Bytes pattern(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  std::uint32_t state = seed * 2654435761U + 1;
  for (std::byte& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

StoragePtr patient(StoragePtr storage) {
  return with_retry(std::move(storage), {.max_attempts = 8, .first_delay = milliseconds(10)});
}

// A small tree, backed up, checked and restored; the restored bytes are compared.
void round_trip(const StoragePtr& storage, const std::function<void()>& before_restore = nullptr) {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "tree/sub");
  const auto content = pattern(std::size_t{24} << 20, 7);
  std::ofstream(folder / "tree/large", std::ios::binary) << as_text(content);
  for (int i = 0; i < 40; ++i) std::ofstream(folder / "tree/sub" / std::to_string(i)) << "file " << i;
  CreateOptions create;
  create.passwords.push_back(Secret::from_text(kPassword));
  auto repository = Repository::create({}, storage, std::move(create));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  auto source = open_source({}, (folder / "tree").string());
  REQUIRE(source.ok());
  const auto snapshot = backup({}, *repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
  CHECK(snapshot->status == Status::complete);
  if (before_restore) before_restore();
  OpenOptions open;
  open.credential.password = Secret::from_text(kPassword);
  auto again = Repository::open({}, storage, std::move(open));
  REQUIRE_MESSAGE(again.ok(), again.error().to_string());
  auto target = open_target({}, (folder / "restored").string(), *snapshot);
  REQUIRE(target.ok());
  const auto restored = restore({}, *again, *snapshot, **target);
  REQUIRE_MESSAGE(restored.ok(), restored.error().to_string());
  CHECK(read_file(folder / "restored/large") == as_text(content));
  CHECK(read_file(folder / "restored/sub/39") == "file 39");
}

}  // namespace

TEST_CASE("a repository lives in Ceph's gateway, over TLS, and in versitygw") {
  round_trip(s3_fresh(s3_options(rgw(), s3_bucket(rgw()), true)));
  const VersityGw gateway;
  round_trip(s3_fresh(s3_options(gateway.server(), s3_bucket(gateway.server()))));
}

TEST_CASE("an address is enough, with the keys in the options") {
  const std::string bucket = s3_bucket(rgw());
  StorageOptions options;
  options.user = rgw().access_key_id;
  options.password = Secret::from_text(rgw().secret_access_key);
  options.ca_file = rgw().ca_file;
  const auto storage = open_storage({}, "s3://" + bucket + "/some/place?endpoint=" + rgw().tls_endpoint, options);
  REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
  CHECK((*storage)->info().name == "s3://" + bucket + "/some/place?endpoint=" + rgw().tls_endpoint);
  CHECK((*storage)->info().conditional_create);
  CHECK((*storage)->put({}, "key", as_bytes("x"), {}).ok());
}

TEST_CASE("bad days: errors, resets and lost answers, and the backup is whole all the same") {
  const Line line(rgw());
  const std::string bucket = s3_bucket(rgw());
  const StoragePtr storage = patient(s3_fresh(line.options(bucket)));
  line.chaos.set(R"({"error_rate": 0.05, "reset_rate": 0.05, "lost_answer_rate": 0.05, "latency_ms": 5})");
  round_trip(storage);
  CHECK(line.chaos.count("errors") + line.chaos.count("resets") + line.chaos.count("lost_answers") > 3);
}

TEST_CASE("who creates an object learns it, though answers get lost") {
  const Line line(rgw());
  const StoragePtr storage = patient(s3_fresh(line.options(s3_bucket(rgw()))));
  line.chaos.set(R"({"lost_answer_rate": 0.25, "lost_answer_methods": ["PUT"]})");
  for (unsigned i = 0; i < 40; ++i) {
    const auto put = storage->put({}, "one/" + std::to_string(i), pattern(100, i), {.if_absent = true});
    CHECK_MESSAGE(put.ok(), put.error().to_string());
  }
  CHECK(line.chaos.count("lost_answers") > 3);
  line.chaos.set("{}");
  for (unsigned i = 0; i < 40; ++i) CHECK(*storage->get({}, "one/" + std::to_string(i), {}) == pattern(100, i));
}

TEST_CASE("busy servers: told with the wait that they ask for") {
  const Line line(rgw());
  const auto storage = s3_fresh(line.options(s3_bucket(rgw())));
  line.chaos.set(R"({"error_next": 1, "error_status": 503, "retry_after": 7})");
  const auto refused = storage->get({}, "absent", {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().retryable());
  CHECK(context_of(refused.error(), "retry_after_ms") == "7000");
  line.chaos.set(R"({"error_next": 1, "error_status": 429})");
  CHECK(storage->get({}, "absent", {}).error().code() == ErrorCode::rate_limited);
  line.chaos.set(R"({"error_next": 3, "error_status": 502})");
  CHECK(patient(storage)->put({}, "key", as_bytes("x"), {.if_absent = true}).ok());
}

TEST_CASE("answers cut short, connections reset, bits turned: an error that may be tried again, never other bytes") {
  const Line line(rgw());
  const auto storage = s3_fresh(line.options(s3_bucket(rgw())));
  // One part alone: its sum is the entity tag, so that a whole read notices a turned bit without TLS too.
  const Bytes bytes = pattern(std::size_t{4} << 20, 1);
  REQUIRE(storage->put({}, "key", bytes, {}).ok());
  for (const std::string fault :
       {R"({"end_after_down": 1000000})", R"({"reset_after_down": 1000000})", R"({"flip_every_down": 1000000})"}) {
    CAPTURE(fault);
    line.chaos.set(fault);
    const auto got = storage->get({}, "key", {});
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().retryable());
    line.chaos.set("{}");
    CHECK(*storage->get({}, "key", {}) == bytes);
  }
  for (const std::string fault : {R"({"reset_after_up": 1000000})", R"({"flip_every_up": 1000000})"}) {
    CAPTURE(fault);
    line.chaos.set(fault);
    CHECK_FALSE(storage->put({}, "other", bytes, {}).ok());
    CHECK_FALSE(storage->put({}, "parts", pattern(std::size_t{12} << 20, 2), {}).ok());
    line.chaos.set("{}");
    CHECK(storage->stat({}, "other").error().code() == ErrorCode::not_found);
    CHECK(storage->stat({}, "parts").error().code() == ErrorCode::not_found);
  }
}

TEST_CASE("a server that stops answering: a timeout when the time is up, cancelling at once, and all well afterwards") {
  VersityGw gateway;
  S3Options options = s3_options(gateway.server(), s3_bucket(gateway.server()));
  options.part_size_bytes = std::size_t{5} << 20;
  options.stall_timeout = seconds(1);
  const auto storage = s3_fresh(std::move(options));
  REQUIRE(storage->put({}, "key", as_bytes("x"), {}).ok());
  gateway.signal("pause");
  const auto start = steady_clock::now();
  const auto got = storage->get({}, "key", {});
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().code() == ErrorCode::timeout);
  CHECK(got.error().retryable());
  CHECK(steady_clock::now() - start < seconds(20));
  Context ctx;
  std::jthread canceller([&ctx] {
    std::this_thread::sleep_for(milliseconds(300));
    ctx.cancel.cancel();
  });
  const auto asked = steady_clock::now();
  CHECK(storage->get(ctx, "key", {}).error().code() == ErrorCode::cancelled);
  CHECK(steady_clock::now() - asked < seconds(20));
  // The parts, the attempt to abort: all of it has its end.
  const auto parts = steady_clock::now();
  CHECK_FALSE(storage->put({}, "parts", pattern(std::size_t{12} << 20, 2), {}).ok());
  CHECK(steady_clock::now() - parts < seconds(20));
  gateway.signal("resume");
  CHECK(patient(storage)->get({}, "key", {}).ok());
  CHECK(storage->stat({}, "parts").error().code() == ErrorCode::not_found);
}

TEST_CASE("the disks behind the gateway stand still for a while: slower, not wrong") {
  S3Options options = s3_options(rgw(), s3_bucket(rgw()));
  options.stall_timeout = seconds(1);
  const StoragePtr storage = patient(s3_fresh(std::move(options)));
  rgw_command("pause");
  std::jthread later([] {
    std::this_thread::sleep_for(milliseconds(2500));
    rgw_command("resume");
  });
  const auto put = storage->put({}, "key", as_bytes("there"), {.if_absent = true});
  CHECK_MESSAGE(put.ok(), put.error().to_string());
  CHECK(as_text(*storage->get({}, "key", {})) == "there");
}
