// What a real server cannot be made to show: answers played by a script.
#include <doctest/doctest.h>

#include <atomic>
#include <mutex>

#include <drkit/storage.hpp>
#include <drkit/storage_s3.hpp>

#include "testing/scripted_server.hpp"

using namespace drkit;
using drkit::testing::ScriptedServer;

namespace {

using Answer = std::function<std::string(const std::string& request)>;

// A server that writes down what it is asked.
class Played {
 public:
  explicit Played(Answer answer)
      : server_(ScriptedServer::answering([this, answer = std::move(answer)](const std::string& request) {
          {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
          }
          return answer(request);
        })) {}

  S3Options options() const {
    S3Options options;
    options.bucket = "bucket";
    options.prefix = "in/here";
    options.endpoint = "http://127.0.0.1:" + std::to_string(server_.port());
    options.conditional_create = S3Choice::yes;
    options.credentials = fixed_s3_credentials({"ID", Secret::from_text("very-secret"), {}, 0});
    return options;
  }

  std::shared_ptr<S3Storage> storage() const { return open(options()); }
  static std::shared_ptr<S3Storage> open(S3Options options) {
    auto storage = make_s3_storage({}, std::move(options));
    REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
    return *storage;
  }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  ScriptedServer server_;
};

std::string ok(const std::string& body = "", const std::string& headers = "") {
  return ScriptedServer::response("200 OK", body, headers);
}
std::string refuse(const std::string& status, const std::string& code, const std::string& more = "",
                   const std::string& headers = "") {
  return ScriptedServer::response(status, "<Error><Code>" + code + "</Code>" + more + "</Error>", headers);
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// Credentials that count how often they are asked for.
struct Counting final : S3CredentialsProvider {
  std::atomic<int> asked{0};
  std::atomic<int> at_once{0};
  std::int64_t lifetime_ns = 0;
  Result<S3Credentials> fetch(const Context& ctx) override {
    CHECK(++at_once == 1);
    DRKIT_TRY(Clock::system().sleep_for(std::chrono::milliseconds(20), ctx.cancel));
    const std::string number = std::to_string(++asked);
    --at_once;
    S3Credentials credentials{"ID" + number, Secret::from_text("s"), Secret::from_text("token" + number), 0};
    if (lifetime_ns > 0) credentials.expires_ns = ctx.clock->wall_ns() + lifetime_ns;
    return credentials;
  }
};

}  // namespace

TEST_CASE("every request is signed, with the hash of its body, and shows no secret") {
  const Played server([](const std::string&) { return ok(); });
  REQUIRE(server.storage()->put({}, "a/key", as_bytes("hello"), {}).ok());
  const auto requests = server.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].starts_with("PUT /bucket/in/here/a/key HTTP/1.1"));
  CHECK(has(requests[0], "authorization: AWS4-HMAC-SHA256 Credential=ID/"));
  CHECK(has(requests[0], "x-amz-content-sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
  CHECK(has(requests[0], "content-md5: XUFAKrxLKna5cZ2REBfFkg=="));
  CHECK_FALSE(has(requests[0], "very-secret"));
}

TEST_CASE("the options become headers, and the first lock is looked at") {
  std::atomic<bool> locks{true};
  const Played server([&](const std::string& request) {
    if (has(request, "?legal-hold=")) return ok("<LegalHold><Status>ON</Status></LegalHold>");
    if (!has(request, "?retention=")) return ok("", "x-amz-server-side-encryption: aws:kms\r\n");
    return locks ? ok("<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2040-01-01T00:00:00Z</RetainUntilDate>"
                      "</Retention>")
                 : refuse("404 Not Found", "NoSuchObjectLockConfiguration");
  });
  SUBCASE("the server locks") {}
  SUBCASE("the server forgets the lock") { locks = false; }
  S3Options options = server.options();
  options.storage_class = "STANDARD_IA";
  options.encryption = S3Encryption::kms;
  options.kms_key_id = "arn:aws:kms:x";
  options.requester_pays = true;
  options.lock_mode = S3LockMode::compliance;
  options.retain_days = 1;
  options.legal_hold = true;
  const auto storage = Played::open(std::move(options));
  const auto put = storage->put({}, "key", as_bytes("x"), {});
  REQUIRE(put.ok() == locks);
  if (!locks) CHECK(put.error().code() == ErrorCode::unsupported);
  const std::size_t asked = server.requests().size();
  if (locks) CHECK(storage->put({}, "key2", as_bytes("x"), {}).ok());
  CHECK(server.requests().size() == asked + (locks ? 1 : 0));
  const std::string request = server.requests().at(0);
  for (const char* line : {"x-amz-storage-class: STANDARD_IA", "x-amz-server-side-encryption: aws:kms",
                           "x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:x",
                           "x-amz-request-payer: requester", "x-amz-object-lock-mode: COMPLIANCE",
                           "x-amz-object-lock-retain-until-date: 20", "x-amz-object-lock-legal-hold: ON"}) {
    CHECK_MESSAGE(has(request, line), line);
  }
}

TEST_CASE("each way of encrypting has its headers, on every request that needs them, and is confirmed") {
  std::string confirmation = "x-amz-server-side-encryption: AES256\r\n";
  const Played server([&](const std::string& request) {
    return ok(request.starts_with("GET") ? "bytes" : "", request.starts_with("PUT") ? confirmation : "");
  });
  S3Options options = server.options();
  std::vector<std::string> put_lines;
  std::vector<std::string> get_lines;
  SUBCASE("the server's own key") {
    options.encryption = S3Encryption::s3;
    put_lines = {"x-amz-server-side-encryption: AES256"};
  }
  SUBCASE("the account's key") {
    options.encryption = S3Encryption::kms;
    confirmation = "x-amz-server-side-encryption: aws:kms\r\n";
    put_lines = {"x-amz-server-side-encryption: aws:kms"};
  }
  SUBCASE("a customer's key") {
    options.encryption = S3Encryption::customer_key;
    options.customer_key = Secret::from_text("0123456789abcdef0123456789abcdef");
    confirmation = "x-amz-server-side-encryption-customer-algorithm: AES256\r\n";
    put_lines = {"x-amz-server-side-encryption-customer-algorithm: AES256",
                 "x-amz-server-side-encryption-customer-key: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
                 "x-amz-server-side-encryption-customer-key-md5: "};
    get_lines = put_lines;
  }
  const auto storage = Played::open(std::move(options));
  REQUIRE(storage->put({}, "key", as_bytes("bytes"), {}).ok());
  REQUIRE(storage->get({}, "key", {}).ok());
  REQUIRE(storage->stat({}, "key").ok());
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  for (const std::string& line : put_lines) CHECK_MESSAGE(has(requests[0], line), line);
  for (const std::string& line : get_lines) CHECK_MESSAGE(has(requests[1], line), line);
  for (const std::string& line : get_lines) CHECK_MESSAGE(has(requests[2], line), line);
  // What is asked for must be signed, or somebody in between may take it out.
  CHECK(has(requests[0], ";x-amz-server-side-encryption"));
  if (get_lines.empty()) CHECK_FALSE(has(requests[1], "server-side-encryption"));

  confirmation.clear();
  const auto unconfirmed = storage->put({}, "key", as_bytes("bytes"), {});
  REQUIRE_FALSE(unconfirmed.ok());
  CHECK(unconfirmed.error().code() == ErrorCode::unsupported);
  CHECK(unconfirmed.error().message() == "the server took the object, but did not encrypt it as asked");
}

TEST_CASE("the bucket in the host's name: the name is signed, and the path is without it") {
  const Played server([](const std::string&) { return ok(); });
  S3Options options = server.options();
  options.endpoint = "http://localhost:" + options.endpoint.substr(options.endpoint.rfind(':') + 1);
  options.path_style = S3Choice::no;
  const std::string port = options.endpoint.substr(options.endpoint.rfind(':'));
  REQUIRE(Played::open(std::move(options))->put({}, "key", as_bytes("x"), {}).ok());
  const std::string request = server.requests().at(0);
  CHECK(request.starts_with("PUT /in/here/key HTTP/1.1"));
  CHECK(has(request, "bucket.localhost" + port));
  CHECK(has(request, "SignedHeaders=content-md5;host;"));
}

TEST_CASE("conditional creation is found out once, and looked for first where it is missing") {
  std::atomic<bool> honours{true};
  std::atomic<bool> exists{false};
  const Played server([&](const std::string& request) {
    if (has(request, "conditional-create~")) {
      return honours ? refuse("412 Precondition Failed", "PreconditionFailed") : ok();
    }
    if (request.starts_with("HEAD")) return exists ? ok() : ScriptedServer::response("404 Not Found", "");
    return exists && honours ? refuse("412 Precondition Failed", "PreconditionFailed") : ok();
  });
  S3Options options = server.options();
  options.conditional_create = S3Choice::detect;
  SUBCASE("honoured") {
    const auto storage = Played::open(std::move(options));
    CHECK(storage->info().conditional_create);
    REQUIRE(storage->put({}, "key", as_bytes("x"), {.if_absent = true}).ok());
    exists = true;
    CHECK(storage->put({}, "key", as_bytes("x"), {.if_absent = true}).error().code() == ErrorCode::already_exists);
    CHECK(server.requests().size() == 3);
    CHECK(has(server.requests().at(1), "if-none-match: *"));
  }
  SUBCASE("not honoured") {
    honours = false;
    const auto storage = Played::open(std::move(options));
    CHECK_FALSE(storage->info().conditional_create);
    REQUIRE(storage->put({}, "key", as_bytes("x"), {.if_absent = true}).ok());
    exists = true;
    CHECK(storage->put({}, "key", as_bytes("x"), {.if_absent = true}).error().code() == ErrorCode::already_exists);
    std::size_t puts = 0;
    for (const std::string& request : server.requests()) puts += request.starts_with("PUT /bucket/in/here/key") ? 1 : 0;
    CHECK(puts == 1);
  }
}

TEST_CASE("a bucket in another region is asked there, once") {
  std::atomic<int> redirects{0};
  const auto here = [](const std::string& request) { return has(request, "/eu-north-9/s3/aws4_request"); };
  const Played server([&](const std::string& request) {
    if (here(request)) return ok("x");
    ++redirects;
    return has(request, "GET")
               ? refuse("400 Bad Request", "AuthorizationHeaderMalformed", "<Region>eu-north-9</Region>")
               : refuse("301 Moved", "PermanentRedirect", "", "x-amz-bucket-region: eu-north-9\r\n");
  });
  const auto storage = server.storage();
  SUBCASE("told by the document") { CHECK(storage->get({}, "key", {}).ok()); }
  SUBCASE("told by a header") { CHECK(storage->put({}, "key", as_bytes("x"), {}).ok()); }
  CHECK(storage->get({}, "key", {}).ok());
  CHECK(redirects == 1);
  CHECK(server.requests().size() == 3);
}

TEST_CASE("servers that send one in a circle, or to another host, are refused") {
  const Played server([](const std::string& request) {
    const bool eu = has(request, "/eu-1/s3/");
    return refuse("301 Moved", "PermanentRedirect", "",
                  std::string("x-amz-bucket-region: ") + (eu ? "us-1" : "eu-1") + "\r\nlocation: http://evil/\r\n");
  });
  const auto got = server.storage()->get({}, "key", {});
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().code() == ErrorCode::invalid_argument);
  CHECK_FALSE(got.error().retryable());
  CHECK(server.requests().size() == 2);
}

TEST_CASE("expired credentials are renewed and the request is sent again, once") {
  const Played server([](const std::string& request) {
    return has(request, "token1") ? refuse("400 Bad Request", "ExpiredToken") : ok("x");
  });
  const auto provider = std::make_shared<Counting>();
  S3Options options = server.options();
  options.credentials = provider;
  const auto storage = Played::open(std::move(options));
  CHECK(storage->get({}, "key", {}).ok());
  CHECK(storage->get({}, "key", {}).ok());
  CHECK(provider->asked == 2);
  CHECK(server.requests().size() == 3);
}

TEST_CASE("credentials are fetched by one thread for all") {
  const Played server([](const std::string&) { return ok("x"); });
  const auto provider = std::make_shared<Counting>();
  provider->lifetime_ns = 3'600'000'000'000;
  S3Options options = server.options();
  options.credentials = provider;
  const auto storage = Played::open(std::move(options));
  std::vector<std::jthread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { good += storage->get({}, "key", {}).ok() ? 1 : 0; });
  threads.clear();
  CHECK(good == 8);
  CHECK(provider->asked == 1);
}

TEST_CASE("a refusal is asked once, also through retry; a busy server again") {
  std::atomic<int> left{2};
  const Played server([&](const std::string& request) {
    if (has(request, "/denied")) return refuse("403 Forbidden", "AccessDenied");
    return left-- > 0 ? refuse("503 Slow Down", "SlowDown", "", "Retry-After: 1\r\n") : ok("x");
  });
  const StoragePtr storage = with_retry(server.storage(), {.first_delay = std::chrono::milliseconds(1)});
  CHECK(storage->get({}, "denied", {}).error().code() == ErrorCode::permission_denied);
  CHECK(server.requests().size() == 1);
  const auto slow = server.storage()->get({}, "key", {});
  CHECK(slow.error().code() == ErrorCode::rate_limited);
  CHECK(slow.error().retryable());
}

TEST_CASE("an upload in parts whose completion fails after all is a failed put, and is aborted") {
  const Played server([](const std::string& request) {
    if (has(request, "?uploads=")) {
      return ok("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>");
    }
    if (request.starts_with("PUT")) return ok("", "ETag: \"tag\"\r\n");
    if (request.starts_with("POST")) return ok("  \n<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>");
    return ScriptedServer::response("204 No Content", "");
  });
  S3Options options = server.options();
  options.part_size_bytes = std::size_t{5} << 20;
  const Bytes bytes(std::size_t{6} << 20);
  const auto put = Played::open(std::move(options))->put({}, "key", bytes, {});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::unavailable);
  CHECK(put.error().retryable());
  const std::string last = server.requests().back();
  CHECK(last.starts_with("DELETE /bucket/in/here/key?uploadId=u1 "));
}

TEST_CASE("what the server confirms must be what was sent") {
  const Played server([](const std::string& request) {
    if (request.starts_with("PUT")) return ok("", "ETag: \"00000000000000000000000000000000\"\r\n");
    return ok("x", "ETag: \"00000000000000000000000000000000\"\r\n");
  });
  const auto put = server.storage()->put({}, "key", as_bytes("hello"), {});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().retryable());
  CHECK_FALSE(server.storage()->get({}, "key", {}).ok());
  S3Options options = server.options();
  options.content_md5 = false;
  CHECK(Played::open(std::move(options))->put({}, "key", as_bytes("hello"), {}).ok());
}

TEST_CASE("ranges: what comes must be what was asked for") {
  const Played server([](const std::string& request) {
    if (has(request, "/whole")) return ok("0123456789");
    if (has(request, "/wrong")) {
      return ScriptedServer::response("206 Partial Content", "234", "Content-Range: bytes 2-4/10\r\n");
    }
    return ScriptedServer::response("206 Partial Content", "456", "Content-Range: bytes 4-6/10\r\n");
  });
  const auto storage = server.storage();
  CHECK(as_text(*storage->get({}, "right", {4, 3})) == "456");
  CHECK(as_text(*storage->get({}, "whole", {4, 3})) == "456");
  CHECK_FALSE(storage->get({}, "wrong", {4, 3}).ok());
  CHECK_FALSE(storage->get({}, "right", {4, 4}).ok());
}

TEST_CASE("listings leave out what is not ours and notice circles") {
  const Played server([](const std::string& request) {
    std::string body = "<ListBucketResult><IsTruncated>";
    body += has(request, "circle") ? "true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
                                   : "false</IsTruncated>";
    for (const char* key : {"in/here/a", "in/here/B", "in/here/conditional-create~", "in/here/a/", "in/hereafter"}) {
      body += std::string("<Contents><Key>") + key + "</Key><Size>1</Size></Contents>";
    }
    return ok(body + "</ListBucketResult>");
  });
  std::vector<std::string> keys;
  const auto visit = [&](const ObjectInfo& object) {
    keys.push_back(object.key);
    return true;
  };
  REQUIRE(server.storage()->list({}, "", visit).ok());
  CHECK(keys == std::vector<std::string>{"a"});
  CHECK_FALSE(server.storage()->list({}, "circle", visit).ok());
}

TEST_CASE("removing what is not there is success, removing from no bucket is not") {
  const Played server([](const std::string& request) {
    return has(request, "/gone") ? refuse("404 Not Found", "NoSuchKey") : refuse("404 Not Found", "NoSuchBucket");
  });
  CHECK(server.storage()->remove({}, "gone").ok());
  CHECK(server.storage()->remove({}, "key").error().code() == ErrorCode::not_found);
}
