// What is refused before anything is sent, and what is added to a request.
#include <doctest/doctest.h>

#include <fstream>

#include "net/http.hpp"
#include "testing/scripted_server.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::ScriptedServer;
using drkit::testing::TempDir;

namespace {

std::unique_ptr<net::HttpClient> make_client(net::HttpOptions options = {}) {
  auto made = net::HttpClient::create(std::move(options));
  REQUIRE(made.ok());
  return std::move(*made);
}

// The head of the request that arrives.
std::string sent_with(const net::HttpAuth& auth) {
  std::string seen;
  const ScriptedServer server(ScriptedServer::answering([&](const std::string& request) {
    seen += request;
    const bool asked =
        auth.kind == net::HttpAuth::Kind::digest && request.find("Authorization: Digest") == std::string::npos;
    return asked ? ScriptedServer::response("401 No", "who?",
                                            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n")
                 : ScriptedServer::response("200 OK", "x");
  }));
  net::HttpRequest request;
  request.method = "PUT";
  request.url = server.url();
  request.body = as_bytes("the body");
  request.has_body = true;
  request.auth = auth;
  const auto got = make_client()->send({}, request);
  REQUIRE_MESSAGE(got.ok(), got.error().to_string());
  CHECK(got->status == 200);
  CHECK(as_text(got->body) == "x");
  return seen;
}

}  // namespace

TEST_CASE("headers that would end their line are refused, without their value") {
  const ScriptedServer server(ScriptedServer::answering([](const std::string&) { return std::string(); }));
  for (const std::string& value :
       {std::string("a\r\nX-Evil: 1"), std::string("a\nb"), std::string("a\rb"), std::string("a\0b", 3)}) {
    net::HttpRequest request;
    request.url = server.url();
    request.headers = {{"X-Good", "1"}, {"X-Bad", value}};
    const auto got = make_client()->send({}, request);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code() == ErrorCode::invalid_argument);
    CHECK(got.error().to_string().find("Evil") == std::string::npos);
  }
  for (const char* name : {"", "a b", "a:b", "a\r\n", "\xc3\xa4"}) {
    net::HttpRequest request;
    request.url = server.url();
    request.headers = {{name, "1"}};
    CHECK(make_client()->send({}, request).error().code() == ErrorCode::invalid_argument);
  }
  CHECK(server.connections() == 0);
}

TEST_CASE("addresses and methods that must not be sent are refused") {
  for (const char* url : {"", "/", "ftp://h/", "file:///etc/passwd", "http://", "http://u:secret@h/", "http://h/a b",
                          "http://h/\r\n", "http://h/\xc3\xa4", "http://h/#f"}) {
    CAPTURE(url);
    net::HttpRequest request;
    request.url = url;
    const auto got = make_client()->send({}, request);
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code() == ErrorCode::invalid_argument);
    CHECK(got.error().to_string().find("secret") == std::string::npos);
  }
  net::HttpRequest request;
  request.url = "http://127.0.0.1:1/";
  request.method = "GET / HTTP/1.1\r\nX: y";
  CHECK(make_client()->send({}, request).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("credentials") {
  const Secret secret = Secret::from_text("open sesame");
  CHECK(sent_with({net::HttpAuth::Kind::none, "", nullptr}).find("Authorization") == std::string::npos);
  // printf 'ali baba:open sesame' | base64
  CHECK(sent_with({net::HttpAuth::Kind::basic, "ali baba", &secret})
            .find("\r\nAuthorization: Basic YWxpIGJhYmE6b3BlbiBzZXNhbWU=\r\n") != std::string::npos);
  CHECK(sent_with({net::HttpAuth::Kind::basic, "u", &secret}).find("Basic dTpvcGVuIHNlc2FtZQ==\r\n") !=
        std::string::npos);
  CHECK(sent_with({net::HttpAuth::Kind::bearer, "", &secret}).find("\r\nAuthorization: Bearer open sesame\r\n") !=
        std::string::npos);
  const std::string digest = sent_with({net::HttpAuth::Kind::digest, "u", &secret});
  CHECK(digest.find("Authorization: Digest username=\"u\"") != std::string::npos);
  CHECK(digest.find("Content-Length: 0") != std::string::npos);
  CHECK(digest.ends_with("the body"));
  CHECK(digest.find("open sesame") == std::string::npos);
}

TEST_CASE("files of certificates must be there when the client is made") {
  net::HttpOptions options;
  options.tls.ca_file = "/nowhere/ca.pem";
  const auto made = net::HttpClient::create(std::move(options));
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code() == ErrorCode::invalid_argument);
  CHECK(made.error().context().front().second == "/nowhere/ca.pem");
}

TEST_CASE("a proxy that was asked for is used, and one of the environment is not") {
  std::string seen;
  const ScriptedServer proxy(ScriptedServer::answering([&](const std::string& request) {
    seen = request;
    return ScriptedServer::response("200 OK", "from the proxy");
  }));
  net::HttpOptions options;
  options.proxy = proxy.url("");
  net::HttpRequest request;
  request.url = "http://example.invalid/x";
  const auto got = make_client(std::move(options))->send({}, request);
  REQUIRE(got.ok());
  CHECK(seen.starts_with("GET http://example.invalid/x HTTP/1.1\r\n"));

  const ScriptedServer server(
      ScriptedServer::answering([](const std::string&) { return ScriptedServer::response("200 OK", "direct"); }));
  ::setenv("http_proxy", "http://127.0.0.1:1/", 1);
  request.url = server.url();
  const auto direct = make_client()->send({}, request);
  ::unsetenv("http_proxy");
  REQUIRE_MESSAGE(direct.ok(), direct.error().to_string());
  CHECK(as_text(direct->body) == "direct");
}

TEST_CASE("percent encoding") {
  CHECK(net::percent_encode("aZ0-._~") == "aZ0-._~");
  CHECK(net::percent_encode("a b/c+\xc3\xa4%") == "a%20b%2Fc%2B%C3%A4%25");
  CHECK(net::percent_encode("a/b c", true) == "a/b%20c");
  CHECK(net::percent_encode(std::string_view("\0", 1)) == "%00");
}

TEST_CASE("Retry-After") {
  using std::chrono::seconds;
  const std::int64_t now_ns = 784111777LL * 1'000'000'000;  // Sun, 06 Nov 1994 08:49:37 GMT
  const auto wait = [&](const char* value) { return net::retry_after({503, {{"retry-after", value}}, {}}, now_ns); };
  CHECK(wait("7") == seconds(7));
  CHECK(wait("0") == seconds(0));
  CHECK(wait("99999999999") == seconds(86'400));
  CHECK(wait("Sun, 06 Nov 1994 08:50:37 GMT") == seconds(60));
  CHECK(wait("Sun, 06 Nov 1994 08:00:00 GMT") == seconds(0));
  for (const char* value : {"", "soon", "-5", "7s", "1.5.2.9"}) CHECK(wait(value) == std::nullopt);
  CHECK(net::retry_after({503, {}, {}}, now_ns) == std::nullopt);
}
