#include "base/url.hpp"

#include <doctest/doctest.h>

using namespace drkit::base;
using drkit::ErrorCode;

namespace {

Address parse(std::string_view text) {
  auto address = parse_address(text);
  REQUIRE_MESSAGE(address.ok(), std::string(text));
  return *address;
}

}  // namespace

TEST_CASE("file addresses and bare paths name the same place") {
  const Address expected{.scheme = "file", .user = "", .host = "", .port = 0, .path = "/srv/b a", .query = {}};
  CHECK(parse("file:///srv/b%20a") == expected);
  CHECK(parse("file://localhost/srv/b%20a") == expected);
  CHECK(parse("file:/srv/b%20a") == expected);
  CHECK(parse("FILE:///srv/b%20a") == expected);
  CHECK(parse("/srv/b a") == expected);
}

TEST_CASE("bare paths are taken byte by byte") {
  CHECK(parse("backup").path == "backup");
  CHECK(parse("./a:b").path == "./a:b");
  CHECK(parse("a/b:c").path == "a/b:c");
  CHECK(parse("/a?b%20#c").path == "/a?b%20#c");
}

TEST_CASE("all parts of an address are found") {
  const Address address = parse("s3://bucket/pre/fix?endpoint=http://127.0.0.1:9000&region=us-east-1&x=");
  CHECK(address.scheme == "s3");
  CHECK(address.host == "bucket");
  CHECK(address.path == "/pre/fix");
  CHECK(address.query ==
        std::map<std::string, std::string>{{"endpoint", "http://127.0.0.1:9000"}, {"region", "us-east-1"}, {"x", ""}});
  const Address remote = parse("sftp://me@[::1]:2222/p");
  CHECK(remote.user == "me");
  CHECK(remote.host == "::1");
  CHECK(remote.port == 2222);
}

TEST_CASE("opaque addresses keep their text") {
  CHECK(parse("mem:").scheme == "mem");
  CHECK(parse("mem:").path.empty());
  CHECK(parse("exec:pg_dump -d %x | cat").path == "pg_dump -d %x | cat");
}

TEST_CASE("malformed addresses are refused") {
  for (const char* text :
       {"", "file://srv/x", "file:x", "file:", "s3://b/%zz", "s3://b/%0a", "s3://b/%00", "s3://b:0/", "s3://b:99999/",
        "s3://b:x/", "s3://[::1/", "s3://[::1]x/", "s3://b/#f", "s3://b?novalue", "s3://b?a=1&a=2", "3s:x"}) {
    const auto address = parse_address(text);
    REQUIRE_FALSE_MESSAGE(address.ok(), text);
    CHECK(address.error().code() == ErrorCode::invalid_argument);
  }
}

TEST_CASE("a password is refused and never repeated") {
  for (const char* text : {"sftp://me:hunter2@host/p", "sftp://me:hun/ter2@host/p", "s3://b?secret_key=hunter2",
                           "s3://b?Password=hunter2", "s3://b?x_token=hunter2&a=%zz"}) {
    const auto address = parse_address(text);
    REQUIRE_FALSE_MESSAGE(address.ok(), text);
    CHECK(address.error().code() == ErrorCode::invalid_argument);
    CHECK(address.error().to_string().find("ter2") == std::string::npos);
  }
}

TEST_CASE("unknown query keys are named") {
  const Address address = parse("s3://b?region=x&regoin=y");
  CHECK(require_known_keys(address, {"region", "regoin"}).ok());
  const auto refused = require_known_keys(address, {"region"});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().to_string() == "invalid_argument: unknown option in the address (option=regoin, scheme=s3)");
}

TEST_CASE("redaction hides secrets and nothing else") {
  CHECK(redact("sftp://me:hunter2@host/p") == "sftp://me:***@host/p");
  CHECK(redact("sftp://me:hun/t@er2@host/p") == "sftp://me:***@host/p");
  CHECK(redact("s3://b?secret=a&region=x") == "s3://b?secret=***&region=x");
  CHECK(redact("postgres:host=h password=hunter2 port=1") == "postgres:host=h password=*** port=1");
  CHECK(redact("postgres:password = 'hun \\'ter2' port=1") == "postgres:password = *** port=1");
  CHECK(redact("s3://b?token='a'bc&region=x") == "s3://b?token=***&region=x");
  CHECK(redact("/plain/path:x") == "/plain/path:x");
  CHECK(redact("sftp://me@host:22/p") == "sftp://me@host:22/p");
}
