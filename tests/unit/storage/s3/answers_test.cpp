#include "storage/s3/answers.hpp"

#include <doctest/doctest.h>

#include "storage/s3/errors.hpp"
#include "storage/s3/headers.hpp"
#include "storage/s3/xml.hpp"

using namespace drkit;
using namespace drkit::storage::s3;

namespace {

net::HttpResponse answer(int status, const std::string& body, net::Headers headers = {}) {
  net::HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  const ByteView bytes = as_bytes(body);
  response.body.assign(bytes.begin(), bytes.end());
  return response;
}

std::string refusal(const std::string& code, const std::string& message = "because") {
  return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>";
}

std::string context_of(const Error& error, std::string_view name) {
  for (const auto& [key, value] : error.context()) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("documents: namespaces and space go, entities and types are refused") {
  const auto root =
      parse_xml("  \n<?xml version=\"1.0\"?><x:A xmlns:x='u'> <B> t&amp;u </B><B>2</B><C><![CDATA[<d>]]></C></x:A>");
  REQUIRE(root.ok());
  CHECK(root->name == "A");
  CHECK(root->text_of("B") == "t&u");
  CHECK(root->text_of("C") == "<d>");
  CHECK(root->text_of("missing").empty());
  const std::string bomb =
      "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]><ListBucketResult>&b;</ListBucketResult>";
  const std::string outside = "<!DOCTYPE l [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><l>&a;</l>";
  for (const std::string& wrong : {bomb, outside, std::string(), std::string("<a>"), std::string("<a/><b/>"),
                                   std::string("<a>&nothing;</a>"), std::string("no document")}) {
    CHECK_FALSE(parse_xml(wrong).ok());
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  CHECK_FALSE(parse_xml(deep).ok());
  CHECK(xml_escape("a<b>&") == "a&lt;b&gt;&amp;");
}

TEST_CASE("listings") {
  const auto page = parse_list(
      "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<Contents><Key>a%2Bb+c/d</Key><Size>12</Size><LastModified>2015-08-30T12:36:00.000Z</LastModified></Contents>"
      "<NextContinuationToken>t/1=</NextContinuationToken></ListBucketResult>");
  REQUIRE(page.ok());
  REQUIRE(page->objects.size() == 1);
  CHECK(page->objects[0].key == "a+b c/d");
  CHECK(page->objects[0].size_bytes == 12);
  CHECK(page->objects[0].modified_ns == 1'440'938'160'000'000'000);
  CHECK(page->more);
  CHECK(page->next == "t/1=");
  for (const char* wrong :
       {"<Other/>", "<ListBucketResult/>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>-1</Size></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Size>1</Size></Contents></ListBucketResult>"}) {
    const auto refused = parse_list(wrong);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().retryable());
  }
  const auto versions = parse_versions(
      "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>k</Key><VersionId>v1</VersionId><Size>1</Size>"
      "</Version><DeleteMarker><Key>k</Key><VersionId>v2</VersionId></DeleteMarker></ListVersionsResult>");
  REQUIRE(versions.ok());
  REQUIRE(versions->objects.size() == 2);
  CHECK(versions->objects[1].version == "v2");
}

TEST_CASE("small answers") {
  CHECK(*parse_upload_id("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>") ==
        "u");
  CHECK_FALSE(parse_upload_id("<InitiateMultipartUploadResult/>").ok());
  const auto kept = parse_retention(
      "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>");
  REQUIRE(kept.ok());
  CHECK(kept->mode == S3LockMode::compliance);
  CHECK(kept->until_ns == 1'893'456'000'000'000'000);
  CHECK_FALSE(parse_retention("<Retention><Mode>COMPLIANCE</Mode></Retention>").ok());
  CHECK(*parse_legal_hold("<LegalHold><Status>ON</Status></LegalHold>"));
  CHECK(parse_content_range("bytes 5-9/10")->total == 10);
  for (const char* wrong : {"", "bytes */10", "bytes 9-5/10", "items 0-1/2", "bytes 0-/2"}) {
    CHECK_FALSE(parse_content_range(wrong));
  }
}

TEST_CASE("every refusal has its code, and says whether to come again") {
  struct Row {
    int status;
    const char* server_code;
    ErrorCode code;
    bool again;
  };
  const Row rows[] = {{404, "NoSuchKey", ErrorCode::not_found, false},
                      {404, "NoSuchBucket", ErrorCode::not_found, false},
                      {404, "NoSuchUpload", ErrorCode::unavailable, true},
                      {403, "AccessDenied", ErrorCode::permission_denied, false},
                      {403, "SignatureDoesNotMatch", ErrorCode::unauthenticated, false},
                      {403, "InvalidAccessKeyId", ErrorCode::unauthenticated, false},
                      {400, "ExpiredToken", ErrorCode::unauthenticated, false},
                      {403, "RequestTimeTooSkewed", ErrorCode::unauthenticated, false},
                      {403, "QuotaExceeded", ErrorCode::no_space, false},
                      {507, "", ErrorCode::no_space, false},
                      {412, "PreconditionFailed", ErrorCode::already_exists, false},
                      {409, "ConditionalRequestConflict", ErrorCode::unavailable, true},
                      {409, "OperationAborted", ErrorCode::unavailable, true},
                      {503, "SlowDown", ErrorCode::rate_limited, true},
                      {429, "", ErrorCode::rate_limited, true},
                      {500, "InternalError", ErrorCode::unavailable, true},
                      {502, "", ErrorCode::unavailable, true},
                      {503, "", ErrorCode::unavailable, true},
                      {504, "", ErrorCode::unavailable, true},
                      {400, "RequestTimeout", ErrorCode::timeout, true},
                      {400, "BadDigest", ErrorCode::unavailable, true},
                      {400, "XAmzContentSHA256Mismatch", ErrorCode::unavailable, true},
                      {400, "InvalidArgument", ErrorCode::invalid_argument, false},
                      {403, "InvalidObjectState", ErrorCode::precondition_failed, false},
                      {501, "NotImplemented", ErrorCode::unsupported, false},
                      {301, "PermanentRedirect", ErrorCode::invalid_argument, false},
                      {307, "", ErrorCode::invalid_argument, false}};
  for (const Row& row : rows) {
    INFO(row.status);
    INFO(row.server_code);
    const Error error = answer_error(answer(row.status, *row.server_code ? refusal(row.server_code) : ""), 0);
    CHECK(error.code() == row.code);
    CHECK(error.retryable() == row.again);
    CHECK_FALSE(error.message().empty());
    CHECK(context_of(error, "status") == std::to_string(row.status));
    CHECK(context_of(error, "server_code") == row.server_code);
  }
}

TEST_CASE("what an error carries along") {
  const Error slow = answer_error(answer(503, refusal("SlowDown"), {{"retry-after", "7"}}), 0);
  CHECK(context_of(slow, "retry_after_ms") == "7000");
  const Error odd = answer_error(answer(400, refusal("InvalidRequest", "two\nlines &lt;b&gt;")), 0);
  CHECK(context_of(odd, "server_message") == "two lines <b>");
  const Error signature = answer_error(answer(403, refusal("SignatureDoesNotMatch", "canonical request ...")), 0);
  CHECK(context_of(signature, "server_message").empty());
  const Error locked = answer_error(answer(403, refusal("AccessDenied", "Object is WORM protected")), 0);
  CHECK(locked.message() == "the object is locked");
  const Error key =
      answer_error(answer(403, refusal("InvalidAccessKeyId", "Failed to retrieve the actual key, kms-keyid: k")), 0);
  CHECK(key.code() == ErrorCode::invalid_argument);
  CHECK(key.message() == "the server's key service does not give the key");
  const Error page = answer_error(answer(502, "<html>Bad Gateway"), 0);
  CHECK(page.code() == ErrorCode::unavailable);
}

TEST_CASE("the clock is blamed where it is to blame") {
  const std::int64_t server = 1'440'938'160'000'000'000;
  const net::Headers date = {{"date", "Sun, 30 Aug 2015 12:36:00 GMT"}};
  const std::int64_t hour = 3'600'000'000'000;
  const Error ahead = answer_error(answer(403, refusal("RequestTimeTooSkewed"), date), server + hour);
  CHECK(ahead.message() == "this machine's clock is 3600 s ahead of the server's: set it");
  CHECK(context_of(ahead, "clock_skew_seconds") == "3600");
  const Error behind = answer_error(answer(403, "", date), server - hour);
  CHECK(behind.message() == "this machine's clock is 3600 s behind the server's: set it");
  CHECK(behind.code() == ErrorCode::unauthenticated);
  const Error right = answer_error(answer(403, refusal("AccessDenied"), date), server + hour / 60);
  CHECK(right.code() == ErrorCode::permission_denied);
  const Error unknown = answer_error(answer(403, refusal("RequestTimeTooSkewed")), server);
  CHECK(unknown.code() == ErrorCode::unauthenticated);
}

TEST_CASE("entity tags are sums only where they can be") {
  const std::string sum = "\"5d41402abc4b2a76b9719d911017c592\"";
  CHECK(etag_md5(sum, answer(200, "")).has_value());
  CHECK(etag_md5(sum, answer(200, "", {{"x-amz-server-side-encryption", "AES256"}})).has_value());
  CHECK_FALSE(etag_md5(sum, answer(200, "", {{"x-amz-server-side-encryption", "aws:kms"}})));
  CHECK_FALSE(etag_md5("\"5d41402abc4b2a76b9719d911017c592-3\"", answer(200, "")));
  CHECK_FALSE(etag_md5("", answer(200, "")));
}

TEST_CASE("retention and legal hold are read whatever the server calls the document") {
  const auto retention = parse_retention(
      "<ObjectLockRetention><Mode>GOVERNANCE</Mode>"
      "<RetainUntilDate>2030-01-02T03:04:05Z</RetainUntilDate></ObjectLockRetention>");
  REQUIRE(retention.ok());
  CHECK(retention->mode == S3LockMode::governance);
  CHECK(*parse_legal_hold("<ObjectLockLegalHold><Status>ON</Status></ObjectLockLegalHold>"));
  CHECK_FALSE(parse_retention("<Error><Code>AccessDenied</Code></Error>").ok());
}
