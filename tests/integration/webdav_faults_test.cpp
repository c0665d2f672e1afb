// A network and a server that fail in the middle: every call ends in time, and nothing half done is ever visible.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "integration/postgres_support.hpp"
#include "integration/webdav_support.hpp"
#include "testing/process.hpp"

using namespace drkit;
using namespace drkit::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

// A server with the misbehaving network before it.
struct Line {
  TemporaryFolder folder;
  DavServer server;
  Chaos chaos;

  explicit Line(const DavKind& kind, const std::string& options = "--http")
      : server(kind, folder / "server"), chaos(folder / "chaos", server.host(), kind.tls() ? "" : options) {}

  StoragePtr open(unsigned attempts, const std::string& query = "") const {
    std::string address = server.address("x");
    address.replace(address.find(server.host()), server.host().size(), chaos.host());
    return open_patiently(address + query, server.options(), attempts);
  }
};

std::string pattern(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  std::uint32_t state = seed * 2654435761U + 1;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

std::string context_of(const Error& error, std::string_view key) {
  for (const auto& [name, value] : error.context()) {
    if (name == key) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("bursts of 503: told with the wait that the server asks for, overcome by the retries") {
  const Line line({"apache"});
  const StoragePtr once = line.open(1);
  line.chaos.set(R"({"error_next": 1, "error_status": 503, "retry_after": 7})");
  const auto refused = once->get({}, "absent", {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == ErrorCode::unavailable);
  CHECK(refused.error().retryable());
  CHECK(context_of(refused.error(), "retry_after_ms") == "7000");
  line.chaos.set(R"({"error_next": 1, "error_status": 429})");
  CHECK(once->get({}, "absent", {}).error().code() == ErrorCode::rate_limited);
  line.chaos.set(R"({"error_next": 1, "error_status": 423, "error_methods": ["MOVE"]})");
  const auto locked = once->put({}, "k", as_bytes("1"), {});
  CHECK(locked.error().code() == ErrorCode::unavailable);
  CHECK(locked.error().retryable());

  const StoragePtr patient = line.open(5);
  line.chaos.set(R"({"error_next": 3, "error_status": 502})");
  CHECK(patient->put({}, "k", as_bytes("1"), {.if_absent = true}).ok());
  CHECK(as_text(*patient->get({}, "k", {})) == "1");
  CHECK(line.chaos.count("errors") == 6);

  // Opening asks the server, too.
  line.chaos.set(R"({"error_next": 1, "error_status": 503})");
  std::string address = line.server.address("x");
  address.replace(address.find(line.server.host()), line.server.host().size(), line.chaos.host());
  CHECK(open_storage({}, address, line.server.options()).ok());
  CHECK(line.chaos.count("errors") == 7);
}

TEST_CASE("a third of all answers lost: whoever created an object learns it, and every object is whole") {
  const Line line({"apache"});
  const StoragePtr storage = line.open(20);
  line.chaos.set(R"({"lost_answer_rate": 0.3, "lost_answer_methods": ["MOVE", "PUT"], "reset_rate": 0.05})");
  for (unsigned i = 0; i < 12; ++i) {
    const std::string body = pattern(100'000 + i, i);
    const auto put = storage->put({}, "data/" + std::to_string(i), as_bytes(body), {.if_absent = true});
    CHECK_MESSAGE(put.ok(), put.error().to_string());
  }
  CHECK(line.chaos.count("lost_answers") > 2);
  line.chaos.set("{}");
  for (unsigned i = 0; i < 12; ++i) {
    CHECK(as_text(*storage->get({}, "data/" + std::to_string(i), {})) == pattern(100'000 + i, i));
  }
  CHECK(visible_files(line.server.files() / "x").size() == 12);
}

TEST_CASE("answers cut short, connections reset, bits turned: an error, never other bytes") {
  for (const DavKind& kind : {DavKind{"nginx"}, DavKind{"nginx", {"tls=server"}}}) {
    CAPTURE(kind.tls());
    const Line line(kind);
    const std::string body = pattern(3'000'000, 1);
    REQUIRE(line.open(1)->put({}, "k", as_bytes(body), {}).ok());
    std::vector<std::string> faults = {R"({"end_after_down": 1000000})", R"({"reset_after_down": 1000000})"};
    // Without TLS nobody but the repository itself can see a turned bit.
    if (kind.tls()) faults.emplace_back(R"({"flip_every_down": 1000000})");
    for (const std::string& fault : faults) {
      CAPTURE(fault);
      const StoragePtr once = line.open(1);
      line.chaos.set(fault);
      const auto got = once->get({}, "k", {});
      REQUIRE_FALSE(got.ok());
      CHECK(got.error().code() == ErrorCode::unavailable);
      CHECK(got.error().retryable());
      line.chaos.set("{}");
      CHECK(as_text(*once->get({}, "k", {})) == body);
    }
    line.chaos.set(kind.tls() ? R"({"flip_every_up": 1000000})" : R"({"reset_after_up": 1000000})");
    CHECK_FALSE(line.open(1)->put({}, "l", as_bytes(body), {}).ok());
    line.chaos.set("{}");
    CHECK(line.open(1)->stat({}, "l").error().code() == ErrorCode::not_found);
  }
}

TEST_CASE("latency and random resets: slower, not wrong") {
  const Line line({"rclone_webdav"}, "");
  const StoragePtr storage = line.open(20, "?stall_seconds=5");
  line.chaos.set(R"({"latency_ms": 10, "jitter_ms": 10, "reset_mean_bytes": 1500000})");
  for (unsigned i = 0; i < 10; ++i) {
    const std::string body = pattern(300'000, i);
    const auto put = storage->put({}, "data/" + std::to_string(i), as_bytes(body), {.if_absent = true});
    CHECK_MESSAGE(put.ok(), put.error().to_string());
    const auto got = storage->get({}, "data/" + std::to_string(i), {});
    REQUIRE_MESSAGE(got.ok(), got.error().to_string());
    CHECK(as_text(*got) == body);
  }
  CHECK(line.chaos.count("resets") > 0);
}

TEST_CASE("a black hole and a stopped server: a timeout when the time is up, cancelling at once") {
  const Line line({"apache"}, "");
  const StoragePtr storage = line.open(1, "?stall_seconds=1");
  REQUIRE(storage->put({}, "k", as_bytes("1"), {}).ok());
  const auto times_out = [&] {
    const auto begin = steady_clock::now();
    const auto got = storage->get({}, "k", {});
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code() == ErrorCode::timeout);
    CHECK(got.error().retryable());
    CHECK(steady_clock::now() - begin < seconds(20));
  };
  line.chaos.set(R"({"black_hole": true})");
  times_out();
  line.chaos.set("{}");
  CHECK(storage->get({}, "k", {}).ok());

  line.server.command("pause");
  times_out();
  Context ctx;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(100));
    ctx.cancel.cancel();
  });
  const auto begin = steady_clock::now();
  const std::string body = pattern(20'000'000, 1);
  CHECK(storage->put(ctx, "l", as_bytes(body), {}).error().code() == ErrorCode::cancelled);
  canceller.join();
  CHECK(steady_clock::now() - begin < seconds(20));
  line.server.command("go_on");
  CHECK(storage->get({}, "k", {}).ok());
  CHECK(storage->stat({}, "l").error().code() == ErrorCode::not_found);
}

TEST_CASE("client or server killed in the middle of puts: what is visible is whole") {
  for (const char* script : {"apache", "nginx", "rclone_webdav"}) {
    CAPTURE(script);
    const TemporaryFolder folder;
    const DavServer server({script}, folder / "server");
    const std::string body = pattern(2'000'000, 3);
    for (int round = 0; round < 6; ++round) {
      const bool kill_server = round % 2 == 1;
      testing::Child writer([&] {
        StorageOptions options = server.options();
        options.attempts = 1;
        const StoragePtr storage = open_or_throw(server.address("x"), options);
        for (int i = 0;; ++i) {
          const std::string key = "data/" + std::to_string(round) + "-" + std::to_string(i);
          if (!storage->put({}, key, as_bytes(body), {.if_absent = true}).ok()) return 3;
        }
      });
      REQUIRE(writer.started());
      std::this_thread::sleep_for(milliseconds(60 + 37 * round));
      if (kill_server) {
        server.command("kill");
        CHECK(writer.wait() == 3);
        server.command("start");
      } else {
        writer.kill_now();
      }
    }
    const auto files = visible_files(server.files() / "x");
    CHECK(files.size() > 3);
    for (const auto& file : files) CHECK_MESSAGE(file.second == body.size(), file.first);
    std::size_t listed = 0;
    const StoragePtr storage = open_or_throw(server.address("x"), server.options());
    REQUIRE(storage
                ->list({}, "",
                       [&](const ObjectInfo& object) {
                         ++listed;
                         return object.size_bytes == body.size();
                       })
                .ok());
    CHECK(listed == files.size());
  }
}
