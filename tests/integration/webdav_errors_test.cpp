// What goes wrong between a user and a WebDAV server: each with its own clear error, at once.
#include <doctest/doctest.h>

#include <chrono>
#include <fstream>

#include "integration/postgres_support.hpp"
#include "integration/webdav_support.hpp"

using namespace drkit;
using namespace drkit::test;
using std::chrono::steady_clock;

namespace {

std::string context_of(const Error& error, std::string_view key) {
  for (const auto& [name, value] : error.context()) {
    if (name == key) return value;
  }
  return {};
}

Error refusal(const std::string& address, const StorageOptions& options) {
  const auto begin = steady_clock::now();
  auto opened = open_storage({}, address, options);
  REQUIRE_FALSE(opened.ok());
  CHECK(steady_clock::now() - begin < std::chrono::seconds(20));
  CHECK(opened.error().to_string().find("drkit-test") == std::string::npos);
  return std::move(opened).error();
}

}  // namespace

TEST_CASE("passwords: right, wrong, missing, and how they are sent") {
  const TemporaryFolder folder;
  const DavServer basic({"apache"}, folder / "basic");
  const DavServer digest({"apache", {"auth=digest"}}, folder / "digest");
  for (const DavServer* server : {&basic, &digest}) {
    StorageOptions options = server->options();
    CHECK(open_or_throw(server->address("x"), options)->put({}, "a/b", as_bytes("1"), {}).ok());
    options.password = Secret::from_text("wrong");
    const Error wrong = refusal(server->address("x"), options);
    CHECK(wrong.code() == ErrorCode::unauthenticated);
    CHECK_FALSE(wrong.retryable());
    options.password = Secret();
    CHECK(refusal(server->address("x"), options).code() == ErrorCode::unauthenticated);
  }
  // Many uploads by digest: each asks once more, and none sends its body in vain.
  const StoragePtr storage = open_or_throw(digest.address("y?auth=digest"), digest.options());
  const std::string body(3'000'000, 'x');
  REQUIRE(storage->put({}, "big", as_bytes(body), {.if_absent = true}).ok());
  CHECK(storage->stat({}, "big")->size_bytes == body.size());
  CHECK(refusal(digest.address("x?auth=basic"), digest.options()).code() == ErrorCode::unauthenticated);
}

TEST_CASE("certificates: trusted, unknown, expired, of another host, and the client's") {
  const TemporaryFolder folder;
  const DavServer good({"nginx", {"tls=server"}}, folder / "good");
  StorageOptions options = good.options();
  CHECK(open_or_throw(good.address("x"), options)->put({}, "a", as_bytes("1"), {}).ok());
  options.ca_file = "";
  const Error unknown = refusal(good.address("x"), options);
  CHECK(unknown.code() == ErrorCode::unauthenticated);
  CHECK(unknown.message().find("not signed by a trusted authority") != std::string::npos);
  CHECK_FALSE(unknown.retryable());

  const DavServer expired({"nginx", {"tls=expired"}}, folder / "expired");
  CHECK(refusal(expired.address("x"), expired.options()).message().find("has expired") != std::string::npos);
  const DavServer elsewhere({"nginx", {"tls=elsewhere"}}, folder / "elsewhere");
  CHECK(refusal(elsewhere.address("x"), elsewhere.options()).message().find("another host") != std::string::npos);

  const DavServer picky({"apache", {"tls=server", "client=yes"}}, folder / "picky");
  const Error nameless = refusal(picky.address("x"), picky.options());
  CHECK(nameless.code() == ErrorCode::unauthenticated);
  CHECK(nameless.message().find("the client's certificate") != std::string::npos);
  options = picky.options();
  options.client_certificate_file = picky.certificate("client.crt");
  options.client_key_file = picky.certificate("client.key");
  CHECK(open_or_throw(picky.address("x"), options)->put({}, "a", as_bytes("1"), {}).ok());
  options.client_key_file = picky.certificate("server.key");
  CHECK(refusal(picky.address("x"), options).code() == ErrorCode::invalid_argument);
}

TEST_CASE("addresses: no such folder, no WebDAV, a file, nobody there") {
  const TemporaryFolder folder;
  const DavServer apache({"apache"}, folder / "apache");
  StorageOptions options = apache.options();
  options.create = false;
  CHECK(refusal(apache.address("absent"), options).code() == ErrorCode::not_found);
  std::ofstream(apache.files() / "file") << "x";
  CHECK(refusal(apache.address("file"), apache.options()).code() == ErrorCode::precondition_failed);
  options.create = true;
  options.attempts = 1;
  CHECK(refusal("webdav+http://127.0.0.1:1/x", options).code() == ErrorCode::unavailable);
  CHECK(refusal("webdav+http://drkit:drkit-test@127.0.0.1:1/x", options).code() == ErrorCode::invalid_argument);
  CHECK(refusal("webdav+https://h/x?auth=guess", options).code() == ErrorCode::invalid_argument);
  CHECK(refusal("webdav+https://h/x?colour=red", options).code() == ErrorCode::invalid_argument);
  CHECK(refusal("nextcloud+https://h/x", options).code() == ErrorCode::invalid_argument);
}

TEST_CASE("a server that only lets us read") {
  const TemporaryFolder folder;
  const DavServer server({"apache", {"readonly=yes"}}, folder / "server");
  std::filesystem::create_directories(server.files() / "x/data");
  std::ofstream(server.files() / "x/data/object") << "content";
  const StoragePtr storage = open_or_throw(server.address("x"), server.options());
  CHECK(as_text(*storage->get({}, "data/object", {})) == "content");
  const auto put = storage->put({}, "data/other", as_bytes("1"), {.if_absent = true});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::permission_denied);
  CHECK(context_of(put.error(), "key") == "data/other");
  CHECK(context_of(put.error(), "attempts").empty());
  CHECK(storage->remove({}, "data/object").error().code() == ErrorCode::permission_denied);
  CHECK(visible_files(server.files() / "x").size() == 1);
}

TEST_CASE("no space: a full disk, a quota, a limit of the server") {
  const TemporaryFolder folder;
  const std::string body(6'000'000, 'x');
  // Only root can make the small file system; the stand-in's quota gives the same answer to everybody.
  const DavServer standin({"nextcloud_standin", {"quota=5000000"}}, folder / "standin");
  const StoragePtr cloud = open_or_throw(standin.address("x"), standin.options());
  REQUIRE(cloud->put({}, "data/small", as_bytes("1"), {}).ok());
  const auto over = cloud->put({}, "data/big", as_bytes(body), {.if_absent = true});
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code() == ErrorCode::no_space);
  CHECK_FALSE(over.error().retryable());
  CHECK(cloud->get({}, "data/big", {}).error().code() == ErrorCode::not_found);
  CHECK(as_text(*cloud->get({}, "data/small", {})) == "1");

  const DavServer nginx({"nginx", {"max_body=1m"}}, folder / "nginx");
  const auto large = open_or_throw(nginx.address("x"), nginx.options())->put({}, "big", as_bytes(body), {});
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().code() == ErrorCode::unsupported);
  CHECK(visible_files(nginx.files() / "x").empty());
}

TEST_CASE("folders are no objects, and objects no folders") {
  for (const char* script : {"apache", "nginx", "rclone_webdav", "nextcloud_standin"}) {
    CAPTURE(script);
    const TemporaryFolder folder;
    const DavServer server({script}, folder / "server");
    const StoragePtr storage = open_or_throw(server.address("x"), server.options());
    REQUIRE(storage->put({}, "a/b/c", as_bytes("deep"), {}).ok());
    CHECK(storage->stat({}, "a/b").error().code() == ErrorCode::not_found);
    CHECK(storage->get({}, "a/b", {}).error().code() == ErrorCode::not_found);
    CHECK(storage->remove({}, "a/b").ok());
    CHECK(storage->put({}, "a/b", as_bytes("over"), {}).error().code() == ErrorCode::precondition_failed);
    CHECK(storage->put({}, "a/b", as_bytes("over"), {.if_absent = true}).error().code() ==
          ErrorCode::precondition_failed);
    CHECK(storage->put({}, "a/b/c/d", as_bytes("under"), {}).error().code() == ErrorCode::precondition_failed);
    CHECK(as_text(*storage->get({}, "a/b/c", {})) == "deep");
    CHECK(storage->get({}, "a/b/c/d", {}).error().code() == ErrorCode::not_found);
  }
}

TEST_CASE("uploads that were left behind are not listed, and removed after a day") {
  const TemporaryFolder folder;
  const DavServer server({"apache"}, folder / "server");
  REQUIRE(open_or_throw(server.address("x"), server.options())->put({}, "k", as_bytes("1"), {}).ok());
  std::ofstream(server.files() / "x/tmp~/old") << "left";
  std::ofstream(server.files() / "x/tmp~/new") << "left";
  std::ofstream(server.files() / "x/Not a key") << "foreign";
  shell("touch -d '2 days ago' '" + (server.files() / "x/tmp~/old").string() + "'; chown -R www-data '" +
        (server.files() / "x").string() + "' 2>/dev/null || true");
  const StoragePtr storage = open_or_throw(server.address("x"), server.options());
  std::vector<std::string> seen;
  REQUIRE(storage
              ->list({}, "",
                     [&](const ObjectInfo& object) {
                       seen.push_back(object.key);
                       return true;
                     })
              .ok());
  CHECK(seen == std::vector<std::string>{"k"});
  CHECK(std::filesystem::exists(server.files() / "x/tmp~/old"));
  REQUIRE(storage->put({}, "l", as_bytes("1"), {}).ok());
  CHECK_FALSE(std::filesystem::exists(server.files() / "x/tmp~/old"));
  CHECK(std::filesystem::exists(server.files() / "x/tmp~/new"));
}

TEST_CASE("large objects go to Nextcloud in parts, small ones whole") {
  const TemporaryFolder folder;
  const DavServer server({"nextcloud_standin"}, folder / "server");
  const StoragePtr storage = open_or_throw(server.address("x?part_mib=5"), server.options());
  std::string body(13'000'000, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 2654435761U >> 24);
  REQUIRE(storage->put({}, "data/large", as_bytes(body), {.if_absent = true}).ok());
  REQUIRE(storage->put({}, "data/small", as_bytes("1"), {.if_absent = true}).ok());
  CHECK(as_text(*storage->get({}, "data/large", {})) == body);
  CHECK(storage->put({}, "data/large", as_bytes(body), {.if_absent = true}).error().code() ==
        ErrorCode::already_exists);
  const std::string calls = read_file(server.folder() / "calls");
  std::size_t parts = 0;
  for (std::size_t at = calls.find("PUT /remote.php/dav/uploads/drkit/drkit-"); at != std::string::npos;
       at = calls.find("PUT /remote.php/dav/uploads/drkit/drkit-", at + 1)) {
    ++parts;
  }
  CHECK(parts == 6);
  // The address as Nextcloud shows it leads to the same place.
  StorageOptions by_mail = server.options();
  by_mail.user = "drkit";
  const StoragePtr shown =
      open_or_throw("nextcloud+http://" + server.host() + "/remote.php/dav/files/drkit/x?part_mib=5", by_mail);
  CHECK(as_text(*shown->get({}, "data/small", {})) == "1");
  REQUIRE(shown->put({}, "data/other", as_bytes(body), {.if_absent = true}).ok());
  CHECK(std::filesystem::is_empty(server.folder() / "uploads"));
  CHECK(std::filesystem::is_empty(server.files() / "x/tmp~"));
}
