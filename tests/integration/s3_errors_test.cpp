// What users get wrong and what servers refuse: each has its own words and code, and is asked once.
#include <doctest/doctest.h>

#include <atomic>

#include <drkit/storage.hpp>

#include "integration/s3_support.hpp"
#include "testing/fake_clock.hpp"

using namespace drkit;
using namespace drkit::test;

namespace {

std::string bucket_of_all() {
  static const std::string bucket = s3_bucket(rgw());
  return bucket;
}

S3CredentialsPtr keys(const std::string& id, const std::string& secret) {
  S3Credentials credentials;
  credentials.access_key_id = id;
  credentials.secret_access_key = Secret::from_text(secret);
  return fixed_s3_credentials(std::move(credentials));
}

// A storage that has been opened although the server would refuse what comes.
std::shared_ptr<S3Storage> opened(S3Options options) {
  options.conditional_create = S3Choice::yes;
  auto storage = make_s3_storage({}, std::move(options));
  REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
  return *storage;
}

struct Expected {
  ErrorCode code;
  std::string message;
};

// The same words for every kind of call, and nothing that a retry would repeat.
void check_refusal(const std::shared_ptr<S3Storage>& storage, const Expected& expected) {
  const auto put = storage->put({}, "some/key", as_bytes("bytes"), {});
  const auto got = storage->get({}, "some/key", {});
  const auto listed = storage->list({}, "", [](const ObjectInfo&) { return true; });
  const auto removed = storage->remove({}, "some/key");
  for (const Error* error : {put.ok() ? nullptr : &put.error(), got.ok() ? nullptr : &got.error(),
                             listed.ok() ? nullptr : &listed.error(), removed.ok() ? nullptr : &removed.error()}) {
    REQUIRE(error != nullptr);
    CHECK(error->code() == expected.code);
    CHECK(error->message() == expected.message);
    CHECK_FALSE(error->retryable());
    CHECK(error->to_string().find(rgw().secret_access_key) == std::string::npos);
  }
  // Nothing but the status tells HEAD apart.
  const auto looked = storage->stat({}, "some/key");
  REQUIRE_FALSE(looked.ok());
  CHECK_FALSE(looked.error().retryable());
}

}  // namespace

TEST_CASE("wrong keys") {
  S3Options options = s3_options(rgw(), bucket_of_all());
  SUBCASE("a wrong secret") {
    options.credentials = keys(rgw().access_key_id, "not the secret");
    check_refusal(opened(std::move(options)),
                  {ErrorCode::unauthenticated, "the secret access key is not the right one"});
  }
  SUBCASE("an unknown id") {
    options.credentials = keys("NOBODY", "not the secret");
    check_refusal(opened(std::move(options)),
                  {ErrorCode::unauthenticated, "the server does not know the access key id"});
  }
  SUBCASE("opening says so at once") {
    options.credentials = keys("NOBODY", "not the secret");
    const auto storage = make_s3_storage({}, std::move(options));
    REQUIRE_FALSE(storage.ok());
    CHECK(storage.error().code() == ErrorCode::unauthenticated);
  }
}

TEST_CASE("a suspended user") {
  rgw_command("admin", "user create --uid=leaver --display-name=leaver --access-key=LEAVER --secret-key=leaversecret");
  S3Options options = s3_options(rgw(), bucket_of_all());
  options.credentials = keys("LEAVER", "leaversecret");
  rgw_command("admin", "user suspend --uid=leaver");
  check_refusal(opened(std::move(options)), {ErrorCode::unauthenticated, "the user of these credentials is suspended"});
  rgw_command("admin", "user rm --uid=leaver");
}

TEST_CASE("a missing bucket") {
  check_refusal(opened(s3_options(rgw(), "drkit-nobody-made-this")), {ErrorCode::not_found, "no such bucket"});
  const auto storage = make_s3_storage({}, s3_options(rgw(), "drkit-nobody-made-this"));
  REQUIRE_FALSE(storage.ok());
  CHECK(storage.error().code() == ErrorCode::not_found);
  CHECK(storage.error().message() == "no such bucket");
}

TEST_CASE("somebody else's bucket") {
  rgw_command("admin", "user create --uid=other --display-name=other --access-key=OTHER --secret-key=othersecret");
  S3Options options = s3_options(rgw(), bucket_of_all());
  options.credentials = keys("OTHER", "othersecret");
  check_refusal(opened(std::move(options)), {ErrorCode::permission_denied, "the server refuses access"});
  rgw_command("admin", "user rm --uid=other");
}

TEST_CASE("a bucket that may only be read opens, is read, and refuses writing") {
  const std::string bucket = s3_bucket(rgw());
  const auto writer = s3_fresh(s3_options(rgw(), bucket));
  REQUIRE(writer->put({}, "a/key", as_bytes("there"), {}).ok());
  const std::string policy = R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",)"
                             R"("Action":["s3:PutObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::)" +
                             bucket + R"(/*"}]})";
  storage::s3::Request request;
  request.method = "PUT";
  request.query = {{"policy", ""}};
  request.body = as_bytes(policy);
  request.has_body = true;
  s3_request(rgw(), bucket, std::move(request));
  auto reader = make_s3_storage({}, s3_options(rgw(), bucket));
  REQUIRE(reader.ok());
  CHECK_FALSE((*reader)->info().conditional_create);
  CHECK(writer->get({}, "a/key", {}).ok());
  for (const bool if_absent : {false, true}) {
    const auto put = writer->put({}, "another", as_bytes("x"), {.if_absent = if_absent});
    REQUIRE_FALSE(put.ok());
    CHECK(put.error().code() == ErrorCode::permission_denied);
    CHECK_FALSE(put.error().retryable());
  }
  const auto removed = writer->remove({}, "a/key");
  REQUIRE_FALSE(removed.ok());
  CHECK(removed.error().code() == ErrorCode::permission_denied);
}

TEST_CASE("versitygw, set to read only") {
  const VersityGw gateway("--readonly");
  std::filesystem::create_directory(gateway.server().folder + "/data/drkit-nothing");
  const auto storage = opened(s3_options(gateway.server(), "drkit-nothing"));
  const auto put = storage->put({}, "key", as_bytes("x"), {});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::permission_denied);
  CHECK_FALSE(put.error().retryable());
}

TEST_CASE("a wrong clock is named, with the seconds, and nothing is corrected behind the user's back") {
  testing::FakeClock clock;
  Context ctx;
  ctx.clock = &clock;
  const std::int64_t now = Clock::system().wall_ns();
  for (const std::int64_t hours : {-2, 2}) {
    clock.set_wall_ns(now + hours * 3'600'000'000'000);
    const auto storage = opened(s3_options(rgw(), bucket_of_all()));
    const auto put = storage->put(ctx, "key", as_bytes("x"), {});
    REQUIRE_FALSE(put.ok());
    CHECK(put.error().code() == ErrorCode::unauthenticated);
    CHECK(put.error().message().find(hours < 0 ? " s behind the server's: set it"
                                               : " s ahead of the server's: set it") != std::string::npos);
    const std::int64_t seconds = std::stoll(context_of(put.error(), "clock_skew_seconds"));
    CHECK(std::abs(seconds - hours * 3600) < 120);
    CHECK_FALSE(put.error().retryable());
    const auto looked = storage->stat(ctx, "key");
    REQUIRE_FALSE(looked.ok());
    CHECK(looked.error().code() == ErrorCode::unauthenticated);
  }
}

TEST_CASE("a quota that is used up is no space, and what is there can be read and removed") {
  rgw_command("admin", "user create --uid=small --display-name=small --access-key=SMALL --secret-key=smallsecret");
  S3Server small = rgw();
  small.access_key_id = "SMALL";
  small.secret_access_key = "smallsecret";
  const std::string bucket = s3_bucket(small);
  rgw_command("admin", "quota set --quota-scope=bucket --uid=small --max-objects=2");
  rgw_command("admin", "quota enable --quota-scope=bucket --uid=small");
  // The object that conditional creation is tried with is the other one.
  const auto storage = s3_fresh(s3_options(small, bucket));
  REQUIRE(storage->put({}, "first", as_bytes("fits"), {}).ok());
  const auto put = storage->put({}, "second", as_bytes("does not fit"), {});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::no_space);
  CHECK(put.error().message() == "the quota is used up");
  CHECK_FALSE(put.error().retryable());
  CHECK(make_s3_storage({}, s3_options(small, bucket)).ok());
  CHECK(storage->get({}, "first", {}).ok());
  CHECK(storage->remove({}, "first").ok());
}

TEST_CASE("a certificate that is over, and one of a stranger") {
  const VersityGw gateway("--expired");
  const auto expired = make_s3_storage({}, s3_options(gateway.server(), "drkit-bucket"));
  REQUIRE_FALSE(expired.ok());
  CHECK(expired.error().code() == ErrorCode::unauthenticated);
  CHECK(expired.error().message() == "the server's certificate has expired");
  CHECK_FALSE(expired.error().retryable());
  S3Options options = s3_options(rgw(), bucket_of_all(), true);
  options.ca_file = gateway.server().ca_file;
  const auto stranger = make_s3_storage({}, std::move(options));
  REQUIRE_FALSE(stranger.ok());
  CHECK(stranger.error().code() == ErrorCode::unauthenticated);
  CHECK_FALSE(stranger.error().retryable());
}

TEST_CASE("nobody there: retryable, and opened all the same") {
  S3Options options = s3_options(rgw(), bucket_of_all());
  options.endpoint = "http://127.0.0.1:9";
  const auto storage = make_s3_storage({}, std::move(options));
  REQUIRE(storage.ok());
  const auto put = (*storage)->put({}, "key", as_bytes("x"), {});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::unavailable);
  CHECK(put.error().retryable());
}
