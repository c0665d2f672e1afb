// Parts, locks, versions, keys and tags, against Ceph's gateway.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <drkit/object_lock.hpp>
#include <thread>

#include "integration/s3_support.hpp"
#include "storage/s3/answers.hpp"

using namespace drkit;
using namespace drkit::test;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 2654435761U) >> 13);
  return bytes;
}

std::string shared_bucket() {
  static const std::string bucket = s3_bucket(rgw());
  return bucket;
}

std::size_t uploads_in(const std::string& bucket) {
  storage::s3::Request request;
  request.query = {{"uploads", ""}};
  return storage::s3::parse_uploads(s3_request(rgw(), bucket, std::move(request)))->objects.size();
}

// An object's headers or subresource as the server has them.
std::string document(const std::string& bucket, const std::string& object, const std::string& resource) {
  storage::s3::Request request;
  request.object = object;
  request.query = {{resource, ""}};
  return s3_request(rgw(), bucket, std::move(request));
}

std::string only_object(const std::string& bucket) {
  storage::s3::Request request;
  request.query = {{"list-type", "2"}, {"prefix", "prefix-"}};
  const auto page = storage::s3::parse_list(s3_request(rgw(), bucket, std::move(request)));
  for (const auto& object : page->objects) {
    if (object.key.find('~') == std::string::npos) return object.key;
  }
  return {};
}

void check_retaining(const S3Server& server) {
  const std::string bucket = s3_bucket(server, true);
  S3Options options = s3_options(server, bucket);
  options.lock_mode = S3LockMode::governance;
  options.retain_days = 1;
  options.prefix = "repository";
  const auto locked = make_s3_storage({}, std::move(options));
  REQUIRE(locked.ok());
  S3Options plain = s3_options(server, bucket);
  plain.prefix = "repository";
  const auto unlocked = make_s3_storage({}, std::move(plain));
  REQUIRE(unlocked.ok());
  const std::int64_t now = Clock::system().wall_ns();
  for (int i = 0; i < 5; ++i) {
    const std::string number = std::to_string(i);
    REQUIRE((*locked)->put({}, "data/locked" + number, as_bytes("12"), {}).ok());
    REQUIRE((*unlocked)->put({}, "data/plain" + number, as_bytes("345"), {}).ok());
  }
  REQUIRE((*locked)->extend_retention({}, "data/locked0", now + 9 * kDay).ok());

  const std::string address = "s3://" + bucket + "/repository?endpoint=" + server.endpoint;
  StorageOptions place;
  place.user = server.access_key_id;
  place.password = Secret::from_text(server.secret_access_key);
  RetainOptions retain;
  retain.until_ns = now + 5 * kDay;
  retain.legal_hold = true;
  const auto report = retain_objects({}, address, place, retain);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  CHECK(report->objects == 10);
  CHECK(report->bytes == 5 * 2 + 5 * 3);
  CHECK(report->failures.empty());
  for (const std::string key : {"data/locked1", "data/plain4"}) {
    const auto found = (*locked)->retention({}, key);
    REQUIRE(found.ok());
    CHECK(found->mode == S3LockMode::governance);
    CHECK(std::abs(found->until_ns - retain.until_ns) <= kSecond);
    CHECK(found->legal_hold);
  }
  CHECK(std::abs((*locked)->retention({}, "data/locked0")->until_ns - now - 9 * kDay) <= kSecond);
  // Held means held: who may bypass governance removes nothing all the same.
  S3Options remover = s3_options(server, bucket);
  remover.prefix = "repository";
  remover.remove_versions = true;
  remover.bypass_governance = true;
  const auto removing = make_s3_storage({}, std::move(remover));
  REQUIRE(removing.ok());
  const auto removed = (*removing)->remove({}, "data/plain4");
  REQUIRE_FALSE(removed.ok());
  CHECK(removed.error().code() == ErrorCode::permission_denied);
  CHECK((*locked)->stat({}, "data/plain4").ok());

  RetainOptions lift;
  lift.legal_hold = false;
  REQUIRE(retain_objects({}, address, place, lift).ok());
  CHECK_FALSE((*locked)->retention({}, "data/plain0")->legal_hold);
  CHECK(retain_objects({}, address, place, {}).error().code() == ErrorCode::invalid_argument);
  retain.until_ns = now - kDay;
  CHECK(retain_objects({}, address, place, retain).error().code() == ErrorCode::invalid_argument);
}

void check_without_lock(const S3Server& server, const std::string& bucket) {
  const auto storage = s3_fresh(s3_options(server, bucket));
  REQUIRE(storage->put({}, "key", as_bytes("x"), {}).ok());
  S3Options fixed = s3_options(server, bucket);
  fixed.prefix = "unlocked";
  const auto unlocked = make_s3_storage({}, std::move(fixed));
  REQUIRE(unlocked.ok());
  REQUIRE((*unlocked)->put({}, "key", as_bytes("x"), {}).ok());
  RetainOptions retain;
  retain.until_ns = Clock::system().wall_ns() + kDay;
  StorageOptions place;
  place.user = server.access_key_id;
  place.password = Secret::from_text(server.secret_access_key);
  const auto retained = retain_objects({}, "s3://" + bucket + "/unlocked?endpoint=" + server.endpoint, place, retain);
  const std::string reason = retained.ok() && !retained->failures.empty() ? retained->failures.front().reason : "none";
  INFO("retained: " << reason);
  REQUIRE_FALSE(retained.ok());
  CHECK(retained.error().code() == ErrorCode::unsupported);
  const auto extended = storage->extend_retention({}, "key", Clock::system().wall_ns() + kDay);
  REQUIRE_FALSE(extended.ok());
  CHECK_FALSE(extended.error().retryable());
  S3Options options = s3_options(server, bucket);
  options.lock_mode = S3LockMode::compliance;
  options.retain_days = 1;
  CHECK_FALSE(s3_fresh(std::move(options))->put({}, "key", as_bytes("x"), {}).ok());
}

}  // namespace

TEST_CASE("large objects go up in parts, several at a time") {
  S3Options options = s3_options(rgw(), shared_bucket());
  options.part_size_bytes = std::size_t{5} << 20;
  const auto storage = s3_fresh(std::move(options));
  for (const std::size_t size : {(std::size_t{5} << 20), (std::size_t{5} << 20) + 1, (std::size_t{23} << 20) + 77}) {
    const Bytes bytes = pattern(size);
    REQUIRE(storage->put({}, "large", bytes, {}).ok());
    CHECK(storage->stat({}, "large")->size_bytes == size);
    const auto got = storage->get({}, "large", {});
    REQUIRE(got.ok());
    CHECK(*got == bytes);
  }
  CHECK(uploads_in(shared_bucket()) == 0);
}

TEST_CASE("an upload in parts that is cancelled leaves nothing") {
  const std::string bucket = s3_bucket(rgw());
  S3Options options = s3_options(rgw(), bucket);
  options.part_size_bytes = std::size_t{5} << 20;
  const auto storage = s3_fresh(std::move(options));
  const Bytes bytes = pattern(std::size_t{40} << 20);
  Context ctx;
  std::jthread canceller([&ctx] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    ctx.cancel.cancel();
  });
  const auto put = storage->put(ctx, "large", bytes, {});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::cancelled);
  CHECK(storage->stat({}, "large").error().code() == ErrorCode::not_found);
  CHECK(uploads_in(bucket) == 0);
}

TEST_CASE("uploads that killed writers left are aborted, not those of somebody else") {
  const std::string bucket = s3_bucket(rgw());
  const auto begin = [&](const std::string& object) {
    storage::s3::Request request;
    request.method = "POST";
    request.object = object;
    request.query = {{"uploads", ""}};
    request.has_body = true;
    s3_request(rgw(), bucket, std::move(request));
  };
  S3Options options = s3_options(rgw(), bucket);
  options.prefix = "ours";
  const auto storage = make_s3_storage({}, std::move(options));
  REQUIRE(storage.ok());
  begin("ours/data/pack");
  begin("theirs/data/pack");
  const std::int64_t now = Clock::system().wall_ns();
  CHECK(*(*storage)->abort_uploads({}, now - kDay) == 0);
  CHECK(uploads_in(bucket) == 2);
  CHECK(*(*storage)->abort_uploads({}, now + kDay) == 1);
  CHECK(uploads_in(bucket) == 1);
}

TEST_CASE("listings have more than one page") {
  const auto storage = s3_fresh(s3_options(rgw(), shared_bucket()));
  std::vector<std::jthread> threads;
  std::atomic<unsigned> failed{0};
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = t; i < 1003; i += 8) {
        failed += storage->put({}, "many/" + std::to_string(i), {}, {}).ok() ? 0 : 1;
      }
    });
  }
  threads.clear();
  REQUIRE(failed == 0);
  std::vector<std::string> keys;
  REQUIRE(storage
              ->list({}, "many/",
                     [&](const ObjectInfo& object) {
                       keys.push_back(object.key);
                       return true;
                     })
              .ok());
  std::sort(keys.begin(), keys.end());
  CHECK(std::unique(keys.begin(), keys.end()) == keys.end());
  CHECK(keys.size() == 1003);
}

TEST_CASE("object lock: objects stay, protection grows and never shrinks") {
  const std::string bucket = s3_bucket(rgw(), true);
  S3Options options = s3_options(rgw(), bucket);
  options.remove_versions = true;
  options.retain_days = 2;
  SUBCASE("governance") { options.lock_mode = S3LockMode::governance; }
  SUBCASE("compliance") { options.lock_mode = S3LockMode::compliance; }
  const S3LockMode mode = options.lock_mode;
  options.part_size_bytes = std::size_t{5} << 20;
  const auto storage = s3_fresh(std::move(options));
  const std::int64_t now = Clock::system().wall_ns();
  // This gateway forgets the lock of what comes in parts: the storage does not put it so.
  REQUIRE(storage->put({}, "whole", as_bytes("x"), {}).ok());
  REQUIRE(storage->put({}, "large", pattern(std::size_t{6} << 20), {}).ok());
  for (const std::string key : {"whole", "large"}) {
    const auto locked = storage->retention({}, key);
    REQUIRE_MESSAGE(locked.ok(), locked.error().to_string());
    CHECK(locked->mode == mode);
    CHECK(std::abs(locked->until_ns - now - 2 * kDay) < 300 * kSecond);
    CHECK_FALSE(locked->legal_hold);
    const auto removed = storage->remove({}, key);
    REQUIRE_FALSE(removed.ok());
    CHECK(removed.error().code() == ErrorCode::permission_denied);
    CHECK_FALSE(removed.error().retryable());
    CHECK(storage->stat({}, key).ok());
  }
  REQUIRE(storage->extend_retention({}, "whole", now + 5 * kDay).ok());
  CHECK(std::abs(storage->retention({}, "whole")->until_ns - now - 5 * kDay) <= kSecond);
  REQUIRE(storage->extend_retention({}, "whole", now + kDay).ok());
  CHECK(std::abs(storage->retention({}, "whole")->until_ns - now - 5 * kDay) <= kSecond);
  CHECK(storage->retention({}, "whole")->mode == mode);
}

TEST_CASE("everything below an address is protected for longer, and held, in one call: Ceph's gateway") {
  check_retaining(rgw());
}

TEST_CASE("everything below an address is protected for longer, and held, in one call: versitygw") {
  check_retaining(VersityGw().server());
}

TEST_CASE("governance can be bypassed by who asks for it, a legal hold cannot") {
  const std::string bucket = s3_bucket(rgw(), true);
  S3Options options = s3_options(rgw(), bucket);
  options.remove_versions = true;
  options.bypass_governance = true;
  options.lock_mode = S3LockMode::governance;
  options.retain_days = 1;
  const auto storage = s3_fresh(std::move(options));
  REQUIRE(storage->put({}, "held", as_bytes("x"), {}).ok());
  REQUIRE(storage->set_legal_hold({}, "held", true).ok());
  CHECK(storage->retention({}, "held")->legal_hold);
  CHECK_FALSE(storage->remove({}, "held").ok());
  REQUIRE(storage->set_legal_hold({}, "held", false).ok());
  CHECK(storage->remove({}, "held").ok());
  CHECK(storage->stat({}, "held").error().code() == ErrorCode::not_found);
}

TEST_CASE("a bucket without object lock says so: Ceph's gateway") { check_without_lock(rgw(), shared_bucket()); }

TEST_CASE("a bucket without object lock says so: versitygw") {
  const VersityGw gateway;
  check_without_lock(gateway.server(), s3_bucket(gateway.server()));
}

TEST_CASE("versioned buckets: remove hides, and removes every version only when asked") {
  const std::string bucket = s3_bucket(rgw(), true);
  S3Options options = s3_options(rgw(), bucket);
  const auto storage = s3_fresh(std::move(options));
  REQUIRE(storage->put({}, "key", as_bytes("one"), {}).ok());
  REQUIRE(storage->put({}, "key", as_bytes("two"), {}).ok());
  REQUIRE(storage->remove({}, "key").ok());
  CHECK(storage->stat({}, "key").error().code() == ErrorCode::not_found);
  unsigned listed = 0;
  REQUIRE(storage->list({}, "", [&](const ObjectInfo&) { return ++listed > 0; }).ok());
  CHECK(listed == 0);
  CHECK(storage->put({}, "key", as_bytes("three"), {.if_absent = true}).ok());
}

TEST_CASE("tags and a customer's key go along with every request that needs them") {
  const std::string bucket = s3_bucket(rgw());
  S3Options options = s3_options(rgw(), bucket);
  options.tags = {{"team", "data base"}, {"cost", "a+b=c"}};
  options.part_size_bytes = std::size_t{5} << 20;
  SUBCASE("tags") {
    const auto storage = s3_fresh(std::move(options));
    REQUIRE(storage->put({}, "key", as_bytes("x"), {}).ok());
    const std::string tags = document(bucket, only_object(bucket), "tagging");
    CHECK(tags.find("<Value>data base</Value>") != std::string::npos);
    CHECK(tags.find("<Value>a+b=c</Value>") != std::string::npos);
  }
  SUBCASE("a customer's key") {
    options.tags.clear();
    options.encryption = S3Encryption::customer_key;
    options.customer_key = Secret::from_text("0123456789abcdef0123456789abcdef");
    const auto storage = s3_fresh(std::move(options));
    const Bytes large = pattern(std::size_t{11} << 20);
    REQUIRE(storage->put({}, "small", as_bytes("secret"), {}).ok());
    REQUIRE(storage->put({}, "large", large, {}).ok());
    CHECK(as_text(*storage->get({}, "small", {})) == "secret");
    CHECK(*storage->get({}, "large", {}) == large);
    CHECK(storage->stat({}, "large")->size_bytes == large.size());
    // Without the key nobody gets anything.
    CHECK_THROWS(document(bucket, only_object(bucket), "x-plain"));
  }
}
