// Signatures that others have published or computed.
#include "storage/s3/sigv4.hpp"

#include <doctest/doctest.h>

#include "base/hex.hpp"
#include "storage/s3/digest.hpp"
#include "storage/s3/time.hpp"

using namespace drkit;
using namespace drkit::storage::s3;

namespace {

std::string hash_of(std::string_view body) { return base::to_hex(sha256(as_bytes(body))); }

S3Credentials keys(const char* id, const char* secret, const char* token = "") {
  return {id, Secret::from_text(secret), Secret::from_text(token), 0};
}

std::string header(const SignedRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

std::string signature_of(const SignedRequest& request) {
  const std::string line = header(request, "authorization");
  return line.substr(line.rfind('=') + 1);
}

}  // namespace

TEST_CASE("the examples of Amazon's S3 documentation") {
  SignedRequest request;
  request.method = "GET";
  request.host = "examplebucket.s3.amazonaws.com";
  request.payload_hash = hash_of("");
  std::string expected;
  SUBCASE("a range of an object") {
    request.path = "/test.txt";
    request.headers = {{"Range", "bytes=0-9"}};
    expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
  }
  SUBCASE("an object is put") {
    request.method = "PUT";
    request.path = "/test%24file.text";
    request.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    request.payload_hash = hash_of("Welcome to Amazon S3.");
    expected = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
  }
  SUBCASE("a query without a value") {
    request.query = {{"lifecycle", ""}};
    expected = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
  }
  SUBCASE("a listing, its query in another order than it was written") {
    request.query = {{"prefix", "J"}, {"max-keys", "2"}};
    expected = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
  }
  sign(request, keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
       {"us-east-1", "s3", *parse_iso_time("2013-05-24T00:00:00Z")});
  CHECK(signature_of(request) == expected);
}

TEST_CASE("the plainest case of the suite for Signature Version 4") {
  SignedRequest request;
  request.method = "GET";
  request.host = "example.amazonaws.com";
  request.payload_hash = hash_of("");
  sign(request, keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
       {"us-east-1", "service", *parse_iso_time("2015-08-30T12:36:00Z")});
  CHECK(signature_of(request) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(header(request, "authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST_CASE("the same signatures as botocore's") {
  const SigningScope scope{"us-east-1", "s3", *parse_iso_time("2015-08-30T12:36:00Z")};
  SignedRequest request;
  SUBCASE("a port, escapes and a subresource") {
    request.method = "GET";
    request.host = "example.com:9000";
    request.path = "/b/a%20b/c~d";
    request.query = {{"x", "1 2"}, {"uploads", ""}};
    request.payload_hash = hash_of("");
    sign(request, keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), scope);
    CHECK(signature_of(request) == "9bb61923ff29022d34369e1ce5925b07b678fe883409456d90de095d3b760770");
  }
  SUBCASE("temporary credentials, headers that guard the body") {
    request.method = "PUT";
    request.host = "b.s3.amazonaws.com";
    request.path = "/key";
    request.headers = {{"if-none-match", "*"}, {"content-md5", to_base64(*md5(as_bytes("hello")))}};
    request.payload_hash = hash_of("hello");
    sign(request, keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "TOKEN"), scope);
    CHECK(header(request, "content-md5") == "XUFAKrxLKna5cZ2REBfFkg==");
    CHECK(signature_of(request) == "cb0260d7cabd03e89ffdf6a8bf27a9bbc43c38180c4cc445d562a1dd0b960766");
  }
  SUBCASE("the token service") {
    request.method = "POST";
    request.host = "sts.us-east-1.amazonaws.com";
    request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
    request.payload_hash = hash_of("Action=AssumeRole");
    sign(request, keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {"us-east-1", "sts", scope.now_ns});
    CHECK(signature_of(request) == "a6c44150a95b8367f5e35f1d61f936e6bfb7db42a8f370a537b6a039e3485a5d");
  }
}

TEST_CASE("the canonical form: names sorted, values trimmed, doubled headers joined") {
  SignedRequest request;
  request.method = "GET";
  request.host = "h";
  request.query = {{"b", "2"}, {"a", "z"}, {"a", "A/é+"}, {"a-", "1"}};
  request.headers = {{"X-Two", "  a   b "}, {"x-one", "1"}, {"x-two", "c"}};
  request.payload_hash = "HASH";
  CHECK(canonical_request(request) ==
        "GET\n/\na=A%2F%C3%A9%2B&a=z&a-=1&b=2\nhost:h\nx-one:1\nx-two:a b,c\n\nhost;x-one;x-two\nHASH");
}

TEST_CASE("times as S3 writes them") {
  const std::int64_t moment = *parse_iso_time("2015-08-30T12:36:00.250Z");
  CHECK(basic_time(moment) == "20150830T123600Z");
  CHECK(iso_time(moment) == "2015-08-30T12:36:01Z");
  CHECK(*parse_http_time("Sun, 30 Aug 2015 12:36:00 GMT") + 250'000'000 == moment);
  CHECK(parse_iso_time("2015-08-30T12:36:00+00:00") == parse_iso_time("2015-08-30T12:36:00Z"));
  CHECK(*parse_iso_time("2024-02-29T23:59:59Z") - *parse_iso_time("2024-02-28T23:59:59Z") == 86'400'000'000'000);
  for (const char* wrong : {"", "2015-02-29T12:00:00Z", "2015-08-30T24:00:00Z", "2015-08-30 12:36:00Z",
                            "2015-08-30T12:36:00", "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"}) {
    CHECK_FALSE(parse_iso_time(wrong));
  }
  for (const char* wrong : {"", "Sun, 30 Foo 2015 12:36:00 GMT", "Sunday, 30-Aug-15 12:36:00 GMT"}) {
    CHECK_FALSE(parse_http_time(wrong));
  }
}
