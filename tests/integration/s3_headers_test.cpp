// What goes into headers and host names, as real servers take it: encryption, classes, tags, who pays, where the bucket
// stands.
#include <doctest/doctest.h>

#include <drkit/spi/conformance.hpp>
#include <drkit/storage.hpp>

#include "integration/s3_support.hpp"

using namespace drkit;
using namespace drkit::test;

namespace {

constexpr std::size_t kPart = std::size_t{5} << 20;

std::string at_localhost(const std::string& endpoint) {
  return "http://localhost" + endpoint.substr(endpoint.rfind(':'));
}

// The server's own word about an object: a header of the answer to HEAD; "" without it.
std::string header_of(const S3Server& server, const std::string& bucket, const std::string& object,
                      const std::string& name) {
  storage::s3::Request request;
  request.method = "HEAD";
  request.object = object;
  return std::string(s3_answer(server, bucket, std::move(request)).header(name).value_or(""));
}

std::shared_ptr<S3Storage> opened(S3Options options) {
  auto storage = make_s3_storage({}, std::move(options));
  REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
  return *storage;
}

Secret own_key() { return Secret::from_text("0123456789abcdef0123456789abcdef"); }

void check_virtual_host(const S3Server& server) {
  const std::string bucket = s3_bucket(server);
  int number = 0;
  const auto results = run_storage_suite({}, [&]() -> Result<StoragePtr> {
    S3Options options = s3_options(server, bucket);
    options.endpoint = at_localhost(server.endpoint);
    options.path_style = S3Choice::no;
    options.prefix = "suite/" + std::to_string(number++);
    options.part_size_bytes = kPart;
    // As everybody opens one; some servers show an object's new bytes with its old checksum while it is replaced.
    return with_retry(opened(std::move(options)), {.first_delay = std::chrono::milliseconds(5)});
  });
  CHECK(results.size() >= 18);
  for (const CaseResult& result : results) {
    INFO(result.name);
    CHECK_MESSAGE(!result.failure.has_value(), result.failure.value_or(""));
  }
  S3Options plain = s3_options(server, bucket);
  plain.prefix = "other";
  REQUIRE(opened(std::move(plain))->put({}, "key", as_bytes("by its path"), {}).ok());
  S3Options options = s3_options(server, bucket);
  options.endpoint = at_localhost(server.endpoint);
  options.path_style = S3Choice::no;
  options.prefix = "other";
  const auto read = opened(std::move(options))->get({}, "key", {});
  REQUIRE(read.ok());
  CHECK(as_text(*read) == "by its path");
}

}  // namespace

TEST_CASE("the bucket in the host's name: Ceph's gateway") { check_virtual_host(rgw()); }

TEST_CASE("the bucket in the host's name: versitygw") { check_virtual_host(VersityGw("--virtual").server()); }

TEST_CASE("a key of the server's key service seals what is put whole and in parts; a wrong one is named") {
  const std::string bucket = s3_bucket(rgw());
  S3Options options = s3_options(rgw(), bucket);
  options.encryption = S3Encryption::kms;
  options.kms_key_id = "drkit-kms-key";
  options.part_size_bytes = kPart;
  const auto storage = opened(std::move(options));
  const Bytes large(kPart + 77, std::byte{5});
  REQUIRE(storage->put({}, "small", as_bytes("sealed"), {.if_absent = true}).ok());
  REQUIRE(storage->put({}, "large", large, {}).ok());
  for (const std::string key : {"small", "large"}) {
    CHECK(header_of(rgw(), bucket, key, "x-amz-server-side-encryption") == "aws:kms");
    CHECK(header_of(rgw(), bucket, key, "x-amz-server-side-encryption-aws-kms-key-id") == "drkit-kms-key");
  }
  CHECK(as_text(*storage->get({}, "small", {})) == "sealed");
  CHECK(*storage->get({}, "large", {}) == large);

  S3Options wrong = s3_options(rgw(), bucket);
  wrong.encryption = S3Encryption::kms;
  wrong.kms_key_id = "nobody-has-it";
  wrong.conditional_create = S3Choice::yes;
  const auto refused = opened(std::move(wrong))->put({}, "other", as_bytes("x"), {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::invalid_argument);
  CHECK(refused.error().message() == "the server's key service does not give the key");
  CHECK(storage->stat({}, "other").error().code() == ErrorCode::not_found);
}

TEST_CASE("encryption that a server ignores is never taken for done") {
  const VersityGw gateway;
  for (const S3Server* server : {&rgw(), &gateway.server()}) {
    CAPTURE(server->endpoint);
    const std::string bucket = s3_bucket(*server);
    S3Options options = s3_options(*server, bucket);
    options.encryption = S3Encryption::s3;
    options.conditional_create = S3Choice::yes;
    const auto put = opened(std::move(options))->put({}, "key", as_bytes("x"), {});
    // A gateway of tomorrow may seal; what counts is that success and the server's word agree.
    CHECK(put.ok() == (header_of(*server, bucket, "key", "x-amz-server-side-encryption") == "AES256"));
    if (!put.ok()) {
      CHECK(put.error().code() == ErrorCode::unsupported);
      CHECK_FALSE(put.error().retryable());
    }
  }
  // Asked when the storage is opened, it shows before anything is put; in parts before anything is sent.
  const std::string bucket = s3_bucket(gateway.server());
  for (const S3Encryption encryption : {S3Encryption::kms, S3Encryption::customer_key}) {
    S3Options options = s3_options(gateway.server(), bucket);
    options.encryption = encryption;
    if (encryption == S3Encryption::customer_key) options.customer_key = own_key();
    options.prefix = encryption == S3Encryption::kms ? "kms" : "own";
    const auto refused = make_s3_storage({}, std::move(options));
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code() == ErrorCode::unsupported);
    CHECK(refused.error().message().find("did not encrypt") != std::string::npos);

    S3Options in_parts = s3_options(gateway.server(), bucket);
    in_parts.encryption = encryption;
    if (encryption == S3Encryption::customer_key) in_parts.customer_key = own_key();
    in_parts.conditional_create = S3Choice::yes;
    in_parts.part_size_bytes = kPart;
    const auto storage = opened(std::move(in_parts));
    CHECK(storage->put({}, "large", Bytes(2 * kPart), {}).error().code() == ErrorCode::unsupported);
    CHECK(storage->stat({}, "large").error().code() == ErrorCode::not_found);
    CHECK(*storage->abort_uploads({}, Clock::system().wall_ns() + std::int64_t{86'400'000'000'000}) == 0);
  }
}

TEST_CASE("a storage class goes along, whole and in parts; one that is not there is refused") {
  const std::string bucket = s3_bucket(rgw());
  S3Options options = s3_options(rgw(), bucket);
  options.storage_class = "COLD";
  options.part_size_bytes = kPart;
  const auto storage = opened(std::move(options));
  const Bytes large(2 * kPart, std::byte{9});
  REQUIRE(storage->put({}, "small", as_bytes("x"), {.if_absent = true}).ok());
  REQUIRE(storage->put({}, "large", large, {}).ok());
  for (const std::string key : {"small", "large"}) {
    CHECK(header_of(rgw(), bucket, key, "x-amz-storage-class") == "COLD");
  }
  CHECK(*storage->get({}, "large", {}) == large);
  S3Options missing = s3_options(rgw(), bucket);
  missing.storage_class = "LUKEWARM";
  const auto refused = opened(std::move(missing))->put({}, "other", as_bytes("x"), {});
  REQUIRE_FALSE(refused.ok());
  CHECK_FALSE(refused.error().retryable());
  CHECK(context_of(refused.error(), "storage_class") == "LUKEWARM");
}

TEST_CASE("tags of objects in parts, and on versitygw") {
  const VersityGw gateway;
  for (const S3Server* server : {&rgw(), &gateway.server()}) {
    CAPTURE(server->endpoint);
    const std::string bucket = s3_bucket(*server);
    S3Options options = s3_options(*server, bucket);
    options.tags = {{"team", "data base"}, {"cost", "a+b=c"}};
    options.part_size_bytes = kPart;
    const auto storage = opened(std::move(options));
    REQUIRE(storage->put({}, "small", as_bytes("x"), {.if_absent = true}).ok());
    REQUIRE(storage->put({}, "large", Bytes(kPart + 1), {}).ok());
    for (const std::string key : {"small", "large"}) {
      storage::s3::Request request;
      request.object = key;
      request.query = {{"tagging", ""}};
      const std::string tags = s3_request(*server, bucket, std::move(request));
      CAPTURE(key);
      CAPTURE(tags);
      CHECK(tags.find("<Value>data base</Value>") != std::string::npos);
      CHECK(tags.find("<Value>a+b=c</Value>") != std::string::npos);
    }
  }
}

TEST_CASE("a bucket whose reader pays: refused without the word, read with it") {
  const std::string bucket = s3_bucket(rgw());
  S3Options own = s3_options(rgw(), bucket);
  REQUIRE(opened(std::move(own))->put({}, "key", as_bytes("dear"), {}).ok());
  const auto configure = [&](const std::string& resource, const std::string& body) {
    storage::s3::Request request;
    request.method = "PUT";
    request.query = {{resource, ""}};
    request.body = as_bytes(body);
    request.has_body = true;
    s3_request(rgw(), bucket, std::move(request));
  };
  configure("requestPayment",
            "<RequestPaymentConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Payer>Requester</Payer>"
            "</RequestPaymentConfiguration>");
  configure("policy", R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:*"],)"
                      R"("Resource":["arn:aws:s3:::)" +
                          bucket + R"(","arn:aws:s3:::)" + bucket + R"(/*"]}]})");
  const std::string user = "reader-" + bucket;
  rgw_command("admin", "user create --uid=" + user + " --display-name=r --access-key=" + user +
                           " --secret-key=secret-of-the-reader");
  for (const bool pays : {false, true}) {
    CAPTURE(pays);
    S3Options options = s3_options(rgw(), bucket);
    S3Credentials credentials;
    credentials.access_key_id = user;
    credentials.secret_access_key = Secret::from_text("secret-of-the-reader");
    options.credentials = fixed_s3_credentials(std::move(credentials));
    options.requester_pays = pays;
    options.conditional_create = S3Choice::yes;
    const auto read = opened(std::move(options))->get({}, "key", {});
    REQUIRE(read.ok() == pays);
    if (pays) CHECK(as_text(*read) == "dear");
    if (!pays) CHECK(read.error().code() == ErrorCode::permission_denied);
  }
}
