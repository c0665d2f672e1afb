// What goes wrong between a client and an SSH server, each with its own clear error and nothing half done.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include <drkit/storage.hpp>

#include "integration/sftp_support.hpp"
#include "testing/as_nobody.hpp"
#include "testing/full_disk.hpp"

using namespace drkit;
using drkit::test::context_of;
using drkit::test::SshServer;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

Error open_error(const SshServer& server, const std::string& query, const StorageOptions& options) {
  const auto opened = open_storage({}, server.address(server.data("place"), query), options);
  if (!opened.ok()) return opened.error();
  return Error(ErrorCode::ok, "it opened");
}

std::size_t temp_files(const SshServer& server, const std::string& place) {
  std::size_t count = 0;
  // A put that was cancelled before its first step has made no directory.
  if (!fs::exists(server.data(place + "/tmp~"))) return 0;
  for (const auto& entry : fs::directory_iterator(server.data(place + "/tmp~"))) count += entry.is_regular_file();
  return count;
}

bool within(milliseconds limit, const std::function<bool()>& holds) {
  for (const auto end = steady_clock::now() + limit; steady_clock::now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return holds();
}

}  // namespace

TEST_CASE("a server is believed only when it is known or pinned") {
  const SshServer server;
  const StorageOptions options = server.options();
  const std::string right = server.value("FINGERPRINT");
  const std::string known = "known_hosts=" + server.path("known_hosts");
  CHECK(open_storage({}, server.address(server.data("place"), known), options).ok());

  std::ofstream(server.path("empty"));
  const Error unknown = open_error(server, "known_hosts=" + server.path("empty"), options);
  CHECK(unknown.code() == ErrorCode::unauthenticated);
  CHECK_FALSE(unknown.retryable());
  CHECK(context_of(unknown, "found") == right);
  CHECK(open_error(server, "known_hosts=" + server.path("absent"), options).code() == ErrorCode::unauthenticated);

  std::ifstream stranger(server.path("id_stranger.pub"));
  std::string type, key;
  stranger >> type >> key;
  std::ofstream(server.path("changed")) << "[127.0.0.1]:" << server.value("PORT") << " " << type << " " << key << "\n";
  const Error changed = open_error(server, "known_hosts=" + server.path("changed"), options);
  CHECK(changed.code() == ErrorCode::unauthenticated);
  CHECK(context_of(changed, "found") == right);
  CHECK(context_of(changed, "expected").starts_with("SHA256:"));
  CHECK(context_of(changed, "expected") != right);

  const std::string wrong = "SHA256:" + std::string(43, 'A');
  const Error pinned = open_error(server, "host_key=" + wrong, options);
  CHECK(pinned.code() == ErrorCode::unauthenticated);
  CHECK(context_of(pinned, "expected") == wrong);
  CHECK(context_of(pinned, "found").find(right) != std::string::npos);
  CHECK_FALSE(fs::exists(server.data("place/tmp~")));
}

TEST_CASE("any of the server's keys may be the pinned one") {
  const SshServer server;
  const std::string file = server.path("ecdsa.print");
  REQUIRE(std::system(
              ("ssh-keygen -lf '" + server.path("host_ecdsa.pub") + "' | cut -d' ' -f2 >'" + file + "'").c_str()) == 0);
  std::string print;
  std::ifstream(file) >> print;
  CHECK(server.open("place", "host_key=" + print).ok());
  CHECK(server.open("place", "host_key=" + print + "=").ok());
}

TEST_CASE("keys of every kind open, others do not, and no passphrase is shown") {
  const SshServer server;
  CHECK(open_error(server, "", server.options("id_rsa")).code() == ErrorCode::ok);
  StorageOptions encrypted = server.options("id_encrypted");
  CHECK(open_error(server, "", encrypted).code() == ErrorCode::unauthenticated);
  encrypted.password = Secret::from_text("open sesame");
  CHECK(open_error(server, "", encrypted).code() == ErrorCode::ok);
  encrypted.password = Secret::from_text("open barley");
  const Error passphrase = open_error(server, "", encrypted);
  CHECK(passphrase.code() == ErrorCode::unauthenticated);
  CHECK_FALSE(passphrase.retryable());
  CHECK(passphrase.to_string().find("barley") == std::string::npos);
  CHECK(context_of(passphrase, "key_file") == server.path("id_encrypted"));

  const Error stranger = open_error(server, "", server.options("id_stranger"));
  CHECK(stranger.code() == ErrorCode::unauthenticated);
  CHECK(context_of(stranger, "tried") == "key");
  CHECK(open_error(server, "", server.options("absent")).code() == ErrorCode::unauthenticated);
  StorageOptions nothing = server.options();
  nothing.key_file.clear();
  CHECK(open_error(server, "", nothing).code() == ErrorCode::unauthenticated);
  nothing.password = Secret::from_text("guess");
  CHECK(context_of(open_error(server, "", nothing), "tried") == "password");
}

TEST_CASE("an agent signs in") {
  const SshServer server;
  const std::string socket = server.path("agent");
  REQUIRE(std::system(("ssh-agent -a '" + socket + "' >'" + server.path("agent.env") + "'").c_str()) == 0);
  const std::string load = "SSH_AUTH_SOCK='" + socket + "' ssh-add -q '" + server.path("id_ed25519") + "' 2>/dev/null";
  REQUIRE(std::system(load.c_str()) == 0);
  StorageOptions options = server.options();
  options.key_file.clear();
  options.agent_socket = socket;
  const Error opened = open_error(server, "", options);
  REQUIRE(std::system((". '" + server.path("agent.env") + "' >/dev/null; kill $SSH_AGENT_PID").c_str()) == 0);
  CHECK_MESSAGE(opened.code() == ErrorCode::ok, opened.to_string());
}

TEST_CASE("places that are missing, no directory or not writable say so") {
  const SshServer server;
  StorageOptions options = server.options();
  options.create = false;
  CHECK(open_error(server, "", options).code() == ErrorCode::not_found);
  std::ofstream(server.data("place")) << "a file";
  CHECK(open_error(server, "", options).code() == ErrorCode::precondition_failed);
  fs::remove(server.data("place"));
  options.create = true;
  const SshServer reader("ForceCommand internal-sftp -R");
  fs::create_directory(reader.data("place"));
  std::ofstream(reader.data("place/object")) << "readable";
  const auto opened = reader.open("place");
  REQUIRE_MESSAGE(opened.ok(), opened.error().to_string());
  CHECK((*opened)->get({}, "object", {}).ok());
  const auto put = (*opened)->put({}, "other", as_bytes("x"), {});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::permission_denied);
  CHECK_FALSE(put.error().retryable());
  CHECK((*opened)->remove({}, "object").error().code() == ErrorCode::permission_denied);
  CHECK(fs::exists(reader.data("place/object")));
}

TEST_CASE("a full disk is no_space and leaves nothing") {
  const int answer = testing::on_full_disk([](const std::string& directory) {
    const SshServer server;
    const auto opened = open_storage({}, server.address(directory + "/place"), server.options());
    if (!opened.ok()) return 1;
    if (!(*opened)->put({}, "small", as_bytes("fits"), {}).ok()) return 2;
    const auto put = (*opened)->put({}, "large", Bytes(4 << 20), {.if_absent = true});
    if (put.ok()) return 3;
    // Without root's rights the limit is one of file sizes: the disk itself has room.
    const ErrorCode expected = ::geteuid() == 0 ? ErrorCode::no_space : ErrorCode::io;
    if (put.error().code() != expected || put.error().retryable()) return 4;
    if ((*opened)->stat({}, "large").ok()) return 5;
    const auto empty = [&] { return fs::is_empty(directory + "/place/tmp~"); };
    if (!within(milliseconds(2000), empty)) return 6;
    return (*opened)->put({}, "next", as_bytes("fits again"), {}).ok() ? 0 : 7;
  });
  CHECK(answer == 0);
}

TEST_CASE("a server that dies in the middle of a put leaves nothing half visible, and is used again") {
  SshServer server;
  const auto opened = server.open("place");
  REQUIRE(opened.ok());
  Storage& storage = **opened;
  const Bytes large(std::size_t{48} << 20, std::byte{7});
  for (const int wait_ms : {5, 40, 120}) {
    CAPTURE(wait_ms);
    std::thread killer([&] {
      std::this_thread::sleep_for(milliseconds(wait_ms));
      server.kill();
    });
    const auto put = storage.put({}, "large", large, {.if_absent = true});
    killer.join();
    server.start();
    const auto local = make_local_storage(server.data("place"));
    REQUIRE(local.ok());
    const auto there = (*local)->get({}, "large", {});
    if (put.ok()) {
      REQUIRE(there.ok());
    } else {
      CHECK(put.error().code() == ErrorCode::unavailable);
      CHECK(put.error().retryable());
    }
    if (there.ok()) CHECK(*there == large);
    REQUIRE((*local)->remove({}, "large").ok());
  }
  const auto retrying = with_retry(*opened);
  CHECK(retrying->put({}, "large", large, {.if_absent = true}).ok());
  const auto back = retrying->get({}, "large", {});
  REQUIRE(back.ok());
  CHECK(*back == large);
}

TEST_CASE("a server that hangs is a timeout, and a cancelled call ends at once") {
  SshServer server;
  const auto opened = server.open("place", "timeout=1&host_key=" + server.value("FINGERPRINT"));
  REQUIRE(opened.ok());
  Storage& storage = **opened;
  REQUIRE(storage.put({}, "k", as_bytes("x"), {}).ok());
  server.signal("STOP");
  auto begin = steady_clock::now();
  const auto hung = storage.put({}, "large", Bytes(8 << 20), {});
  const auto took = steady_clock::now() - begin;
  REQUIRE_FALSE(hung.ok());
  CHECK(hung.error().code() == ErrorCode::timeout);
  CHECK(hung.error().retryable());
  CHECK(took > milliseconds(900));
  CHECK(took < seconds(20));
  server.signal("CONT");
  CHECK(storage.get({}, "k", {}).ok());

  server.signal("STOP");
  Context ctx;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(100));
    ctx.cancel.cancel();
    begin = steady_clock::now();
  });
  const auto cancelled = storage.get(ctx, "k", {});
  canceller.join();
  CHECK(steady_clock::now() - begin < seconds(20));
  REQUIRE_FALSE(cancelled.ok());
  CHECK(cancelled.error().code() == ErrorCode::cancelled);
  server.signal("CONT");
}

TEST_CASE("a cancelled put ends at once and cleans up behind itself") {
  SshServer server;
  const auto opened = server.open("place");
  REQUIRE(opened.ok());
  for (const int wait_ms : {1, 30, 100}) {
    CAPTURE(wait_ms);
    Context ctx;
    steady_clock::time_point begin{};
    std::thread canceller([&] {
      std::this_thread::sleep_for(milliseconds(wait_ms));
      begin = steady_clock::now();
      ctx.cancel.cancel();
    });
    const auto put = (*opened)->put(ctx, "large", Bytes(std::size_t{128} << 20), {});
    const auto end = steady_clock::now();
    canceller.join();
    CHECK(end - begin < seconds(20));
    REQUIRE_FALSE(put.ok());
    CHECK(put.error().code() == ErrorCode::cancelled);
    CHECK((*opened)->stat({}, "large").error().code() == ErrorCode::not_found);
  }
  CHECK(within(milliseconds(3000), [&] { return temp_files(server, "place") == 0; }));
}

TEST_CASE("old temporary files are swept, young ones are others' work") {
  const SshServer server;
  fs::create_directories(server.data("place/tmp~"));
  std::ofstream(server.data("place/tmp~/old")) << "left by a dead writer";
  std::ofstream(server.data("place/tmp~/young")) << "being written";
  fs::last_write_time(server.data("place/tmp~/old"), fs::file_time_type::clock::now() - std::chrono::hours(30));
  const auto opened = server.open("place");
  REQUIRE(opened.ok());
  REQUIRE((*opened)->put({}, "k", as_bytes("x"), {}).ok());
  REQUIRE((*opened)->stat({}, "k").ok());
  CHECK(within(milliseconds(2000), [&] { return !fs::exists(server.data("place/tmp~/old")); }));
  CHECK(fs::exists(server.data("place/tmp~/young")));
}

TEST_CASE("addresses that cannot be meant are refused before anything is connected") {
  StorageOptions options;
  options.user = "backup";
  for (const std::string address :
       {"sftp://", "sftp:///path", "sftp://host", "sftp://host/", "sftp://host/p?host_key=MD5:aa:bb",
        "sftp://host/p?host_key=SHA256:short", "sftp://host/p?connections=0", "sftp://host/p?timeout=soon",
        "sftp://host/p?fsync=never", "sftp://host/p?key=x", "sftp://user:word@host/p"}) {
    CAPTURE(address);
    const auto opened = open_storage({}, address, options);
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().code() == ErrorCode::invalid_argument);
  }
  options.proxy = "http://proxy:3128";
  CHECK(open_storage({}, "sftp://host/p", options).error().code() == ErrorCode::unsupported);
  options = {};
  CHECK(open_storage({}, "sftp://host/p", options).error().code() == ErrorCode::invalid_argument);
}
