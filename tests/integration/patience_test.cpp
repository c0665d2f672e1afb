// A server that is away while a storage or a repository is opened is waited for; what it refuses is not asked twice.
// Time is the test's own: each wait is counted, and one of them is when the server comes back.
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <drkit/repository.hpp>

#include "integration/s3_support.hpp"
#include "integration/sftp_support.hpp"
#include "integration/webdav_support.hpp"

using namespace drkit;
using namespace drkit::test;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kNever = 1'000'000;

// Waits pass at once; before the end of wait number `back_at` the server comes back.
class OwnClock final : public Clock {
 public:
  OwnClock(std::size_t back_at, std::function<void()> come_back)
      : back_at_(back_at), come_back_(std::move(come_back)) {}
  std::int64_t wall_ns() const override { return Clock::system().wall_ns(); }
  std::chrono::steady_clock::time_point steady() const override { return Clock::system().steady() + passed_; }
  Result<void> sleep_for(std::chrono::nanoseconds duration, const CancelToken&) override {
    passed_ += duration;
    waits.push_back(std::chrono::duration_cast<milliseconds>(duration));
    if (waits.size() == back_at_) come_back_();
    return {};
  }
  std::vector<milliseconds> waits;

 private:
  const std::size_t back_at_;
  const std::function<void()> come_back_;
  std::chrono::nanoseconds passed_{0};
};

struct Place {
  std::string address;
  StorageOptions right;
  StorageOptions wrong;
  std::function<void()> kill;
  std::function<void()> come_back;
  /// S3 opens without an answer and asks again later.
  bool opens_all_the_same = false;
};

Context with(OwnClock& clock) {
  Context ctx;
  ctx.clock = &clock;
  return ctx;
}

Result<Repository> open_repository(const Context& ctx, const StoragePtr& storage) {
  OpenOptions options;
  options.credential.password = Secret::from_text("correct horse");
  return Repository::open(ctx, storage, std::move(options));
}

void make_repository(const Place& place) {
  const auto storage = open_storage({}, place.address, place.right);
  REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
  CreateOptions create;
  create.passwords.push_back(Secret::from_text("correct horse"));
  create.password_cost = {1, 8192};
  const auto made = Repository::create({}, *storage, std::move(create));
  REQUIRE_MESSAGE(made.ok(), made.error().to_string());
}

// Away, and back before the last of three waits is over: 1.75 s.
void check_waited_for(const Place& place) {
  place.kill();
  OwnClock clock(3, place.come_back);
  const auto storage = open_storage(with(clock), place.address, place.right);
  REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
  CHECK(clock.waits == std::vector<milliseconds>{milliseconds(250), milliseconds(500), milliseconds(1000)});
  const auto repository = open_repository(with(clock), *storage);
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  CHECK(clock.waits.size() == 3);
}

// Gone between the opening of the storage and that of the repository: the repeats of calls have far more patience.
void check_repository_waits(const Place& place) {
  const auto storage = open_storage({}, place.address, place.right);
  REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
  place.kill();
  OwnClock clock(5, place.come_back);
  const auto repository = open_repository(with(clock), *storage);
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  REQUIRE(clock.waits.size() >= 5);
  milliseconds patience{0};
  for (const milliseconds wait : clock.waits) patience += wait;
  CHECK(patience > milliseconds(3500));
}

void check_gone_for_good(Place& place) {
  place.kill();
  OwnClock clock(kNever, [] {});
  const auto storage = open_storage(with(clock), place.address, place.right);
  CHECK(clock.waits.size() == 3);
  CHECK(storage.ok() == place.opens_all_the_same);
  if (!storage.ok()) {
    CHECK(storage.error().code() == ErrorCode::unavailable);
    CHECK(storage.error().retryable());
  } else {
    const auto repository = open_repository(with(clock), *storage);
    REQUIRE_FALSE(repository.ok());
    CHECK(repository.error().code() == ErrorCode::unavailable);
  }
  OwnClock hasty(kNever, [] {});
  place.right.attempts = 1;
  CHECK(open_storage(with(hasty), place.address, place.right).ok() == place.opens_all_the_same);
  CHECK(hasty.waits.empty());
  place.right.attempts = 8;
  place.come_back();
}

void check_refused_at_once(const Place& place) {
  OwnClock clock(kNever, [] {});
  const auto storage = open_storage(with(clock), place.address, place.wrong);
  REQUIRE_FALSE(storage.ok());
  CHECK(storage.error().code() == ErrorCode::unauthenticated);
  CHECK_FALSE(storage.error().retryable());
  CHECK(clock.waits.empty());
}

void check(Place& place) {
  make_repository(place);
  check_waited_for(place);
  check_repository_waits(place);
  check_gone_for_good(place);
  check_refused_at_once(place);
}

}  // namespace

TEST_CASE("sftp") {
  SshServer server;
  Place place;
  place.address = server.address(server.data("place"));
  place.right = server.options();
  place.right.attempts = 8;
  place.wrong = server.options("id_stranger");
  place.wrong.attempts = 8;
  place.kill = [&] { server.kill(); };
  place.come_back = [&] { server.start(); };
  check(place);
}

TEST_CASE("webdav") {
  const TemporaryFolder folder;
  const DavServer server({"apache"}, folder / "server");
  Place place;
  place.address = server.address("place");
  place.right = server.options();
  place.wrong = server.options();
  place.wrong.password = Secret::from_text("guess");
  place.kill = [&] { server.command("kill"); };
  place.come_back = [&] { server.command("start"); };
  check(place);
}

TEST_CASE("s3") {
  VersityGw gateway;
  const S3Server& server = gateway.server();
  Place place;
  place.address = "s3://" + s3_bucket(server) + "/place?endpoint=" + server.endpoint;
  place.right.user = server.access_key_id;
  place.right.password = Secret::from_text(server.secret_access_key);
  place.wrong.user = server.access_key_id;
  place.wrong.password = Secret::from_text("guess");
  place.kill = [&] { gateway.signal("kill"); };
  place.come_back = [&] { gateway.signal("start"); };
  place.opens_all_the_same = true;
  check(place);
  // Also with the id that this server answers by "404 Not Found".
  place.wrong.user = "NOBODY";
  check_refused_at_once(place);
  OwnClock clock(kNever, [] {});
  const auto storage = open_storage(with(clock), place.address + "&conditional_create=true", place.wrong);
  REQUIRE_MESSAGE(storage.ok(), storage.error().to_string());
  const auto repository = open_repository(with(clock), *storage);
  REQUIRE_FALSE(repository.ok());
  CHECK(repository.error().code() == ErrorCode::unauthenticated);
  CHECK(repository.error().message() == "the server does not know the access key id");
  CHECK(clock.waits.empty());
}

TEST_CASE("TLS at a plain port, and the reverse, are refused at once") {
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    const VersityGw gateway(tls ? "--tls" : "");
    const std::string& endpoint = gateway.server().endpoint;
    const std::string port = endpoint.substr(endpoint.rfind(':'));
    StorageOptions options;
    options.user = gateway.server().access_key_id;
    options.password = Secret::from_text(gateway.server().secret_access_key);
    options.ca_file = gateway.server().ca_file;
    for (const std::string scheme : {"s3://bucket/place?region=here&endpoint=http", "webdav+http"}) {
      OwnClock clock(kNever, [] {});
      const auto storage = open_storage(with(clock), scheme + (tls ? "" : "s") + "://localhost" + port, options);
      REQUIRE_FALSE(storage.ok());
      CHECK_MESSAGE(storage.error().code() == ErrorCode::invalid_argument, storage.error().to_string());
      CHECK(storage.error().message().find("TLS at this port") != std::string::npos);
      CHECK(clock.waits.empty());
    }
  }
}
