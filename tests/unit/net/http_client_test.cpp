#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "net/http.hpp"
#include "testing/scripted_server.hpp"

using namespace drkit;
using drkit::testing::Peer;
using drkit::testing::ScriptedServer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

std::unique_ptr<net::HttpClient> make_client(net::HttpOptions options = {}) {
  auto made = net::HttpClient::create(std::move(options));
  REQUIRE(made.ok());
  return std::move(*made);
}

net::HttpRequest request_of(std::string method, std::string url) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  return request;
}

net::HttpRequest put_of(std::string url, std::string_view body) {
  net::HttpRequest request = request_of("PUT", std::move(url));
  request.body = as_bytes(body);
  request.has_body = true;
  return request;
}

std::string ok_with(const std::string& body) { return ScriptedServer::response("200 OK", body); }

// Plays one answer and closes; gives the error that the client makes of it.
Error error_of(const std::string& answer, net::HttpRequest request = {}) {
  const ScriptedServer server([&](Peer& peer) {
    peer.read_request();
    peer.write(answer);
  });
  request.url = server.url("/secret?token=abc");
  auto got = make_client()->send({}, request);
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().to_string().find("secret") == std::string::npos);
  return std::move(got).error();
}

milliseconds since(steady_clock::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
}

}  // namespace

TEST_CASE("a request goes out as it was given, and its answer comes back whole") {
  std::string seen;
  const ScriptedServer server(ScriptedServer::answering([&](const std::string& request) {
    seen = request;
    return ScriptedServer::response("201 Created", "hello", "ETag: \"x\"\r\nX-Many: 1\r\nx-many: 2\r\n");
  }));
  const auto client = make_client();
  net::HttpRequest request = put_of(server.url("/a%20b/../c?k=v%2F&z"), "body");
  request.headers = {{"X-One", "1"}, {"X-Empty", ""}};
  const auto got = client->send({}, request);
  REQUIRE_MESSAGE(got.ok(), got.error().to_string());
  CHECK(got->status == 201);
  CHECK(as_text(got->body) == "hello");
  CHECK(got->header("etag") == "\"x\"");
  CHECK(got->header("x-many") == "1");
  CHECK(got->header("absent") == std::nullopt);
  CHECK(seen.starts_with("PUT /a%20b/../c?k=v%2F&z HTTP/1.1\r\n"));
  CHECK(seen.find("\r\nX-One: 1\r\n") != std::string::npos);
  CHECK(seen.find("\r\nX-Empty:\r\n") != std::string::npos);
  CHECK(seen.find("\r\nContent-Length: 4\r\n") != std::string::npos);
  CHECK(seen.find("Expect") == std::string::npos);
  CHECK(seen.find("Content-Type") == std::string::npos);
  CHECK(seen.ends_with("\r\n\r\nbody"));
}

TEST_CASE("connections are kept, also across methods and empty bodies") {
  std::vector<std::string> seen;
  const ScriptedServer server(ScriptedServer::answering([&](const std::string& request) {
    seen.push_back(request.substr(0, request.find(' ')));
    return request.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n" : ok_with("x");
  }));
  const auto client = make_client();
  for (const char* method : {"GET", "HEAD", "PROPFIND", "DELETE"}) {
    REQUIRE(client->send({}, request_of(method, server.url())).ok());
  }
  REQUIRE(client->send({}, put_of(server.url(), "")).ok());
  REQUIRE(client->send({}, put_of(server.url(), std::string(3'000'000, 'x'))).ok());
  CHECK(seen == std::vector<std::string>{"GET", "HEAD", "PROPFIND", "DELETE", "PUT", "PUT"});
  CHECK(server.connections() == 1);
}

TEST_CASE("every status is an answer, and redirects are not followed") {
  const ScriptedServer server(ScriptedServer::answering([&](const std::string&) {
    return ScriptedServer::response("307 Elsewhere", "", "Location: http://127.0.0.1:1/\r\n");
  }));
  const auto got = make_client()->send({}, request_of("GET", server.url()));
  REQUIRE(got.ok());
  CHECK(got->status == 307);
  CHECK(got->header("location") == "http://127.0.0.1:1/");
  CHECK(server.connections() == 1);
}

TEST_CASE("chunked answers are put together, broken ones refused") {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const ScriptedServer server(
      ScriptedServer::answering([&](const std::string&) { return head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"; }));
  const auto got = make_client()->send({}, request_of("GET", server.url()));
  REQUIRE(got.ok());
  CHECK(as_text(got->body) == "abcde");
  CHECK(error_of(head + "3\r\nabc\r\n2\r\nd").code() == ErrorCode::unavailable);
  CHECK(error_of(head + "zz\r\nabc\r\n").code() == ErrorCode::unavailable);
}

TEST_CASE("answers that are cut or are no HTTP are errors that may be repeated") {
  for (const std::string answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 2x0 OK\r\n\r\n", "garbage that is no status line\r\n\r\n", ""}) {
    CAPTURE(answer);
    const Error error = error_of(answer);
    CHECK(error.code() == ErrorCode::unavailable);
    CHECK(error.retryable());
  }
}

TEST_CASE("answers longer than allowed are refused while they arrive") {
  net::HttpRequest request;
  request.max_response_bytes = 1000;
  CHECK(error_of("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", request).code() == ErrorCode::corrupt);
  CHECK(error_of("HTTP/1.1 200 OK\r\n\r\n" + std::string(1001, 'x'), request).code() == ErrorCode::corrupt);
  std::string huge = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 40; ++i) huge += "X-" + std::to_string(i) + ": " + std::string(10'000, 'x') + "\r\n";
  CHECK(error_of(huge + "\r\n").code() == ErrorCode::corrupt);
  // One endless line.
  CHECK_FALSE(error_of("HTTP/1.1 200 OK\r\nX: " + std::string(400'000, 'x')).code() == ErrorCode::ok);
}

TEST_CASE("an answer of exactly the allowed length passes") {
  const ScriptedServer server(
      ScriptedServer::answering([&](const std::string&) { return ok_with(std::string(1000, 'x')); }));
  net::HttpRequest request = request_of("GET", server.url());
  request.max_response_bytes = 1000;
  const auto got = make_client()->send({}, request);
  REQUIRE(got.ok());
  CHECK(got->body.size() == 1000);
}

TEST_CASE("a kept connection that is reset: looking is repeated unseen, changing is told") {
  const auto once_then_reset = [](Peer& peer) {
    peer.read_request();
    peer.write(ok_with("first"));
    peer.read_request();
    peer.reset();
  };
  for (const std::string method : {"GET", "PUT", "MOVE"}) {
    CAPTURE(method);
    std::atomic<int> later{0};
    const ScriptedServer server({once_then_reset, ScriptedServer::answering([&](const std::string&) {
                                   ++later;
                                   return ok_with("second");
                                 })});
    const auto client = make_client();
    REQUIRE(client->send({}, request_of("GET", server.url())).ok());
    const auto got =
        client->send({}, method == "PUT" ? put_of(server.url(), "body") : request_of(method, server.url()));
    if (method == "GET") {
      REQUIRE(got.ok());
      CHECK(as_text(got->body) == "second");
      continue;
    }
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code() == ErrorCode::unavailable);
    CHECK(got.error().retryable());
    CHECK(later == 0);
    CHECK(client->send({}, request_of("GET", server.url())).ok());
  }
}

TEST_CASE("a connection closed while idle is replaced without a word") {
  const auto once = [](Peer& peer) {
    peer.read_request();
    peer.write(ok_with("x"));
  };
  const ScriptedServer server(once);
  const auto client = make_client();
  for (int i = 0; i < 3; ++i) {
    const auto got = client->send({}, put_of(server.url(), "body"));
    REQUIRE_MESSAGE(got.ok(), got.error().to_string());
    std::this_thread::sleep_for(milliseconds(30));
  }
  CHECK(server.connections() == 3);
}

TEST_CASE("a server that stalls is a timeout: before the answer, within it, while the body is sent") {
  const std::string body(20'000'000, 'x');
  const std::vector<ScriptedServer::Script> stalls = {
      [](Peer& peer) {
        peer.read_request();
        peer.stall();
      },
      [](Peer& peer) {
        peer.read_request();
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
        peer.stall();
      },
      [](Peer& peer) {
        peer.read_bytes(1000);
        std::this_thread::sleep_for(milliseconds(600));
      }};
  for (const auto& stall : stalls) {
    const ScriptedServer server(stall);
    net::HttpOptions options;
    options.stall_timeout = milliseconds(200);
    const auto begin = steady_clock::now();
    const auto got = make_client(std::move(options))->send({}, put_of(server.url(), body));
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code() == ErrorCode::timeout);
    CHECK(got.error().retryable());
    CHECK(since(begin) < seconds(20));
  }
}

TEST_CASE("a thin line that goes on is no stall, also when the system's buffer hides it") {
  const std::string body(6'000'000, 'x');
  const ScriptedServer server([&](Peer& peer) {
    for (std::size_t got = 0; got < body.size(); got += 500'000) {
      peer.read_bytes(500'000);
      std::this_thread::sleep_for(milliseconds(250));
    }
    peer.write(ok_with("done"));
    peer.stall();
  });
  net::HttpOptions options;
  options.stall_timeout = milliseconds(1500);
  const auto got = make_client(std::move(options))->send({}, put_of(server.url(), body));
  REQUIRE_MESSAGE(got.ok(), got.error().to_string());
}

TEST_CASE("cancelling ends a waiting request within 0.2 s") {
  const ScriptedServer server([](Peer& peer) { peer.stall(); });
  const auto client = make_client();
  Context ctx;
  steady_clock::time_point cancelled_at;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(100));
    cancelled_at = steady_clock::now();
    ctx.cancel.cancel();
  });
  const auto got = client->send(ctx, put_of(server.url(), "x"));
  canceller.join();
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().code() == ErrorCode::cancelled);
  CHECK(since(cancelled_at) < seconds(20));
  CHECK(client->send(ctx, request_of("GET", server.url())).error().code() == ErrorCode::cancelled);
}

TEST_CASE("requests beyond the limit of connections wait, and can be cancelled") {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  const ScriptedServer server(ScriptedServer::answering([&](const std::string&) {
    most = std::max(most.load(), ++now);
    std::this_thread::sleep_for(milliseconds(10));
    --now;
    return ok_with("x");
  }));
  net::HttpOptions options;
  options.max_connections = 2;
  const auto client = make_client(std::move(options));
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) good += client->send({}, request_of("GET", server.url())).ok() ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 30);
  CHECK(most == 2);
  CHECK(server.connections() == 2);
}

TEST_CASE("nobody there") {
  int port = 0;
  {
    const ScriptedServer gone([](Peer&) {});
    port = gone.port();
  }
  const auto got = make_client()->send({}, request_of("GET", "http://127.0.0.1:" + std::to_string(port) + "/x?y"));
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().code() == ErrorCode::unavailable);
  CHECK(got.error().retryable());
  CHECK(got.error().context().front() ==
        std::pair<std::string, std::string>("host", "127.0.0.1:" + std::to_string(port)));
}

TEST_CASE("a name that nobody knows is said each time, and what comes after is not spoilt by it") {
  const ScriptedServer server(ScriptedServer::answering([&](const std::string&) { return ok_with("x"); }));
  net::HttpOptions options;
  options.max_connections = 1;
  const auto client = make_client(std::move(options));
  for (int i = 0; i < 3; ++i) {
    const auto got = client->send({}, put_of("http://nowhere.invalid/secret", "body"));
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code() == ErrorCode::unavailable);
    CHECK(got.error().retryable());
    CHECK(got.error().to_string() == "unavailable: the host's name cannot be resolved (host=nowhere.invalid)");
  }
  const auto got = client->send({}, request_of("GET", server.url()));
  REQUIRE_MESSAGE(got.ok(), got.error().to_string());
}

TEST_CASE("TLS spoken to a plain port is told at once") {
  const ScriptedServer server([&](Peer& peer) {
    peer.read_bytes(5);
    peer.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  });
  std::string url = server.url("/x");
  url.replace(0, 4, "https");
  const auto got = make_client()->send({}, request_of("GET", url));
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().code() == ErrorCode::invalid_argument);
  CHECK_FALSE(got.error().retryable());
  CHECK(got.error().message() == "the server does not speak TLS at this port: http instead of https, or another port");
}

TEST_CASE("plain HTTP spoken to a TLS port is told at once") {
  const std::string alert("\x15\x03\x01\x00\x02\x02\x16", 7);
  for (const std::string& answer :
       {alert, ScriptedServer::response("400 Bad Request", "Client sent an HTTP request to an HTTPS server.\n"),
        ScriptedServer::response("400 Bad Request", "<p>The plain HTTP request was sent to HTTPS port</p>"),
        ScriptedServer::response("400 Bad Request", "You're speaking plain HTTP to an SSL-enabled server port.")}) {
    CAPTURE(answer);
    const Error error = error_of(answer);
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK_FALSE(error.retryable());
    CHECK(error.message() == "the server wants TLS at this port: https instead of http, or another port");
  }
  const Error other = error_of("\x15\x03 that is no alert of TLS, and no status line either");
  CHECK(other.code() == ErrorCode::unavailable);
}
