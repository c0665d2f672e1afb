// Nobody there: each storage says so early, once, with the host's name, and tries as long as it was allowed to.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <drkit/registry.hpp>
#include <drkit/repository.hpp>

#include "testing/fake_clock.hpp"
#include "testing/scripted_server.hpp"

using namespace drkit;
using drkit::testing::FakeClock;
using drkit::testing::Peer;
using drkit::testing::ScriptedServer;

namespace {

class Warnings final : public LogSink {
 public:
  void log(LogLevel level, std::string_view message) noexcept override {
    if (level == LogLevel::warning) lines.emplace_back(message);
  }
  std::vector<std::string> lines;
};

// A password without https is told too, and not at every attempt either.
std::size_t repeats(const std::vector<std::string>& lines) {
  const auto repeat = [](const std::string& line) { return line.find("is repeated") != std::string::npos; };
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), repeat));
}

struct Attempt {
  FakeClock clock;
  Warnings log;
  Context ctx;
  StorageOptions options;

  Attempt() {
    ctx.clock = &clock;
    ctx.log = &log;
    options.user = "somebody";
    options.password = Secret::from_text("guess");
    options.attempts = 3;
  }

  /// Opens the storage and the repository on it, whichever fails first.
  Error open(const std::string& address) {
    const auto storage = open_storage(ctx, address, options);
    if (!storage) return storage.error();
    const auto repository = Repository::open(ctx, *storage, {});
    REQUIRE_FALSE(repository.ok());
    return repository.error();
  }
};

}  // namespace

TEST_CASE("a host whose name cannot be resolved is told once, by its name, and asked for again") {
  for (const std::string address :
       {"s3://bucket/prefix?endpoint=https://nowhere.invalid&region=here", "webdav+https://nowhere.invalid/folder",
        "nextcloud+https://nowhere.invalid/folder", "sftp://nowhere.invalid/folder"}) {
    CAPTURE(address);
    Attempt attempt;
    const Error error = attempt.open(address);
    CHECK(error.code() == ErrorCode::unavailable);
    CHECK(error.retryable());
    CHECK(error.message() == "the host's name cannot be resolved");
    CHECK(error.to_string().find("nowhere.invalid") != std::string::npos);
    REQUIRE(attempt.log.lines.size() == 1);
    CHECK(attempt.log.lines[0].starts_with(
        "a storage call is repeated: unavailable: the host's name cannot be resolved ("));
    CHECK(attempt.log.lines[0].find("host=nowhere.invalid") != std::string::npos);
    CHECK(attempt.clock.sleeps().size() == (address.starts_with("s3:") ? 4 : 2));
  }
}

TEST_CASE("a port where nobody listens is told once") {
  int port = 0;
  {
    const ScriptedServer gone([](Peer&) {});
    port = gone.port();
  }
  const std::string place = "127.0.0.1:" + std::to_string(port);
  for (const std::string& address : {"s3://bucket/prefix?region=here&endpoint=http://" + place,
                                     "webdav+http://" + place + "/folder", "sftp://" + place + "/folder"}) {
    CAPTURE(address);
    Attempt attempt;
    const Error error = attempt.open(address);
    CHECK(error.code() == ErrorCode::unavailable);
    CHECK(error.retryable());
    REQUIRE(!attempt.log.lines.empty());
    CHECK(attempt.log.lines.back().find("host=" + place) != std::string::npos);
    CHECK(repeats(attempt.log.lines) == 1);
    CHECK(attempt.log.lines.size() == (address.starts_with("webdav") ? 2 : 1));
  }
}

TEST_CASE("TLS at a plain port, and the reverse, are final and told without a repeat") {
  const ScriptedServer plain([](Peer& peer) {
    peer.read_bytes(5);
    peer.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  });
  const ScriptedServer tls([](Peer& peer) {
    peer.read_bytes(5);
    peer.write(std::string("\x15\x03\x01\x00\x02\x02\x16", 7));
  });
  const std::string plain_place = "127.0.0.1:" + std::to_string(plain.port());
  const std::string tls_place = "127.0.0.1:" + std::to_string(tls.port());
  for (const std::string& address :
       {"s3://bucket/prefix?region=here&endpoint=https://" + plain_place, "webdav+https://" + plain_place + "/folder",
        "s3://bucket/prefix?region=here&endpoint=http://" + tls_place, "webdav+http://" + tls_place + "/folder"}) {
    CAPTURE(address);
    Attempt attempt;
    const Error error = attempt.open(address);
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK_FALSE(error.retryable());
    CHECK(error.message().find("TLS at this port") != std::string::npos);
    CHECK(error.to_string().find("host=127.0.0.1:") != std::string::npos);
    CHECK(attempt.clock.sleeps().empty());
    CHECK(repeats(attempt.log.lines) == 0);
  }
}
