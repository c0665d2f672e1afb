// The WebDAV storage against servers that are rude, old or odd, played by a script.
#include <doctest/doctest.h>

#include <mutex>

#include <drkit/storage.hpp>

#include "storage/webdav/multistatus.hpp"
#include "storage/webdav/path.hpp"
#include "testing/scripted_server.hpp"

using namespace drkit;
using drkit::testing::ScriptedServer;
using storage::webdav::parse_multistatus;

namespace {

std::string entry(const std::string& href, const std::string& inside) {
  return "<D:response><D:href>" + href + "</D:href><D:propstat><D:prop>" + inside +
         "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>";
}

std::string folder(const std::string& href) { return entry(href, "<D:resourcetype><D:collection/></D:resourcetype>"); }

std::string file(const std::string& href, std::size_t size) {
  return entry(href, "<D:resourcetype/><D:getcontentlength>" + std::to_string(size) + "</D:getcontentlength>");
}

std::string multistatus(const std::string& inside) {
  return "<?xml version=\"1.0\" encoding=\"utf-8\"?><D:multistatus xmlns:D=\"DAV:\">" + inside + "</D:multistatus>";
}

std::string listing(const std::string& inside) {
  return ScriptedServer::response("207 Multi-Status", multistatus(inside));
}

// Answers PROPFIND of the root as a folder, everything else by the function.
struct Rude {
  ScriptedServer server;
  StoragePtr storage;

  explicit Rude(std::function<std::string(const std::string&)> answer, WebdavOptions options = {})
      : server(
            ScriptedServer::answering([answer = std::move(answer), opened = false](const std::string& request) mutable {
              if (opened) return answer(request);
              opened = true;
              return listing(folder("/r/"));
            })) {
    auto made = make_webdav_storage({}, server.url("/r"), std::move(options));
    REQUIRE_MESSAGE(made.ok(), made.error().to_string());
    storage = std::move(*made);
  }
};

Result<Bytes> get_with(const std::string& answer, ByteRange range) {
  const Rude rude(
      [&](const std::string& request) { return request.starts_with("GET") ? answer : listing(file("/r/k", 10)); });
  return rude.storage->get({}, "k", range);
}

std::string partial(const std::string& body, const std::string& range) {
  return ScriptedServer::response("206 Partial Content", body, "Content-Range: " + range + "\r\n");
}

}  // namespace

TEST_CASE("listings in the styles of several servers") {
  const auto read = [](const std::string& xml) { return parse_multistatus(xml, "/a b"); };
  const auto mixed = read(multistatus(
      folder("http://host:1/a%20b/") + file("/a%20b/x%2By", 3) + file("z", 4) +
      "<D:response><D:href>/a%20b/closed</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>"
      "<D:response><D:href>\n /a%20b/two \n</D:href>"
      "<D:propstat><D:prop><D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"
      "<D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype>"
      "<D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:getlastmodified></D:prop>"
      "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"));
  REQUIRE_MESSAGE(mixed.ok(), mixed.error().to_string());
  REQUIRE(mixed->size() == 5);
  CHECK((*mixed)[0].path == "/a b");
  CHECK((*mixed)[0].collection);
  CHECK((*mixed)[1].path == "/a b/x+y");
  CHECK((*mixed)[1].size_bytes == 3);
  CHECK_FALSE((*mixed)[1].collection);
  CHECK((*mixed)[2].path == "/a b/z");
  CHECK((*mixed)[3].status == 403);
  CHECK((*mixed)[4].path == "/a b/two");
  CHECK((*mixed)[4].collection);
  CHECK((*mixed)[4].modified_ns == 784111777LL * 1'000'000'000);
  CHECK_FALSE((*mixed)[4].size_bytes.has_value());
  const auto other_prefix = read("<multistatus xmlns=\"DAV:\"><response><href>/q</href></response></multistatus>");
  REQUIRE(other_prefix.ok());
  CHECK(other_prefix->front().path == "/q");
}

TEST_CASE("documents that are cut, foreign or hostile are refused") {
  const std::string good = multistatus(folder("/r/") + file("/r/k", 3));
  for (std::size_t cut = 0; cut < good.size(); cut += 7) {
    CHECK(parse_multistatus(good.substr(0, cut), "/r").error().code() == ErrorCode::corrupt);
  }
  const std::string bomb =
      "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
      "<multistatus xmlns=\"DAV:\"><response><href>/&b;</href></response></multistatus>";
  const std::string reader =
      "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><multistatus xmlns=\"DAV:\"><response>"
      "<href>/&a;</href></response></multistatus>";
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<x>";
  for (const std::string& xml :
       {bomb, reader, std::string("<html><body>hello</body></html>"), std::string("{}"), good + good,
        multistatus("<D:response></D:response>"), multistatus(file("/r/%zz", 1)), multistatus(deep),
        multistatus(entry("/r/k", "<D:getcontentlength>-1</D:getcontentlength>")),
        multistatus(entry("/r/k", "<D:getcontentlength>99999999999999999999999</D:getcontentlength>")),
        multistatus(file("/" + std::string(20000, 'x'), 1))}) {
    CAPTURE(xml.substr(0, 200));
    const auto read = parse_multistatus(xml, "/r");
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().code() == ErrorCode::corrupt);
  }
}

TEST_CASE("paths") {
  using namespace storage::webdav;
  CHECK(clean_path("") == "");
  CHECK(clean_path("/") == "");
  CHECK(clean_path("a//b/") == "/a/b");
  CHECK(parent_of("/a/b") == "/a");
  CHECK(parent_of("/a") == "");
  CHECK(percent_decode("%41%2f%c3") == "A/\xc3");
  CHECK(percent_decode("%4") == std::nullopt);
  for (const char* key : {"a/b", ".a", "..a/.b", ".../x..y", "-"}) CHECK(key_of_names(names_of_key(key)) == key);
  CHECK(names_of_key(".a/b.c/..d") == "~.a/b.c/~..d");
  for (const char* name : {".a", "tmp~", "~a", "~", "a/.b", "~~.a", "a/~"}) CHECK(key_of_names(name) == std::nullopt);
  CHECK(*path_of_href("https://h", "/x") == "");
  CHECK(*path_of_href("/a://b", "/x") == "/a:/b");
}

TEST_CASE("ranges: what the server says that it sent is held against what was asked") {
  const auto text = [](const Result<Bytes>& got) { return got ? std::string(as_text(*got)) : got.error().to_string(); };
  CHECK(text(get_with(partial("234", "bytes 2-4/10"), {2, 3})) == "234");
  CHECK(text(get_with(partial("89", "bytes 8-9/10"), {8, 5})) == "89");
  CHECK(text(get_with(partial("89", "bytes 8-9/*"), {8, ByteRange().length})) == "89");
  // A server that knows no ranges sends everything.
  CHECK(text(get_with(ScriptedServer::response("200 OK", "0123456789"), {2, 3})) == "234");
  CHECK(get_with(ScriptedServer::response("200 OK", "0123"), {5, 1}).error().code() == ErrorCode::invalid_argument);
  CHECK(text(get_with(ScriptedServer::response("416 No", ""), {10, 3})).empty());
  CHECK(get_with(ScriptedServer::response("416 No", ""), {11, 3}).error().code() == ErrorCode::invalid_argument);
  CHECK(get_with(ScriptedServer::response("416 No", ""), {3, 3}).error().code() == ErrorCode::io);
  for (const std::string& wrong :
       {partial("234", "bytes 3-5/10"), partial("23", "bytes 2-4/10"), partial("23", "bytes 2-3/10"),
        partial("2345", "bytes 2-5/10"), partial("234", "bytes 4-2/10"), partial("234", "rows 2-4/10"),
        partial("23", "bytes 2-3/*"), ScriptedServer::response("206 Partial Content", "234")}) {
    CAPTURE(wrong);
    const auto got = get_with(wrong, {2, 3});
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code() == ErrorCode::corrupt);
  }
}

TEST_CASE("a listing that is not of what was asked for is no empty listing") {
  const std::vector<std::pair<std::string, ErrorCode>> answers = {
      {listing(folder("/other/") + file("/other/k", 1)), ErrorCode::unsupported},
      {listing(folder("/r/") + file("/elsewhere/k", 1)), ErrorCode::unsupported},
      {listing(""), ErrorCode::unsupported},
      {listing(folder("/r/") + entry("/r/k", "<D:resourcetype/>")), ErrorCode::unsupported},
      {listing(folder("/r/") +
               "<D:response><D:href>/r/data/</D:href><D:status>HTTP/1.1 403 No</D:status></D:response>"),
       ErrorCode::permission_denied},
      {ScriptedServer::response("200 OK", "<html>hello</html>"), ErrorCode::unsupported},
      {ScriptedServer::response("207 Multi-Status", "<html>hello</html>"), ErrorCode::corrupt},
      {ScriptedServer::response("404 Gone", ""), ErrorCode::not_found},
      {ScriptedServer::response("302 Elsewhere", "", "Location: /x\r\n"), ErrorCode::unsupported}};
  for (const auto& expected : answers) {
    const std::string& answer = expected.first;
    CAPTURE(answer);
    const Rude rude([&answer](const std::string&) { return answer; });
    const auto listed = rude.storage->list({}, "", [](const ObjectInfo&) { return true; });
    REQUIRE_FALSE(listed.ok());
    CHECK(listed.error().code() == expected.second);
  }
}

TEST_CASE("a server that keeps less than was sent is found out before the object is visible") {
  std::string seen;
  const Rude rude([&](const std::string& request) {
    seen += request.substr(0, request.find(' ')) + " ";
    if (request.starts_with("PROPFIND /r/tmp~/ ")) return listing(folder("/r/tmp~/"));
    if (request.starts_with("PROPFIND")) {
      return listing(file(request.substr(9, request.find(' ', 9) - 9), 3));
    }
    return ScriptedServer::response("201 Created", "");
  });
  const auto put = rude.storage->put({}, "data/k", as_bytes("hello"), {.if_absent = true});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::io);
  CHECK(put.error().retryable());
  CHECK(seen.find("MOVE") == std::string::npos);
  CHECK(seen.ends_with("PUT PROPFIND DELETE "));
}

TEST_CASE("requests of a put: aside, looked at, moved without overwriting, never in parts of a file") {
  std::vector<std::string> seen;
  const Rude rude([&](const std::string& request) {
    seen.push_back(request);
    if (request.starts_with("PROPFIND /r/tmp~/ ")) return listing(folder("/r/tmp~/"));
    if (request.starts_with("PROPFIND")) return listing(file(request.substr(9, request.find(' ', 9) - 9), 5));
    return ScriptedServer::response(request.starts_with("MOVE") ? "412 There" : "201 Created", "");
  });
  const auto put = rude.storage->put({}, "data/k", as_bytes("hello"), {.if_absent = true});
  CHECK(put.error().code() == ErrorCode::already_exists);
  std::string all;
  for (const std::string& request : seen) all += request.substr(0, request.find(' ')) + " ";
  CHECK(all == "MKCOL PROPFIND MKCOL PUT PROPFIND MOVE PROPFIND DELETE ");
  CHECK(seen[3].find("PUT /r/tmp~/") == 0);
  CHECK(seen[3].find("Content-Range") == std::string::npos);
  CHECK(seen[5].find("\r\nOverwrite: F\r\n") != std::string::npos);
  CHECK(seen[5].find("\r\nDestination: " + rude.server.url("/r/data/k") + "\r\n") != std::string::npos);
  CHECK(seen[7].find("DELETE /r/tmp~/") == 0);
}

TEST_CASE("the password goes over http only when the server asks, and then by digest if it can") {
  std::string seen;
  const ScriptedServer server(ScriptedServer::answering([&](const std::string& request) {
    seen += request;
    if (request.find("Authorization") != std::string::npos) return listing(folder("/r/"));
    return ScriptedServer::response(
        "401 Who", "",
        "WWW-Authenticate: Basic realm=\"b\"\r\nWWW-Authenticate: Digest realm=\"d\", nonce=\"n\", qop=\"auth\"\r\n");
  }));
  WebdavOptions options;
  options.user = "u";
  options.password = Secret::from_text("open sesame");
  REQUIRE(make_webdav_storage({}, server.url("/r"), std::move(options)).ok());
  CHECK(seen.find("Authorization: Digest") != std::string::npos);
  CHECK(seen.find("Authorization: Basic") == std::string::npos);
}

TEST_CASE("options that make no sense are refused, and info holds no user") {
  const auto code = [](const std::string& url, WebdavOptions options = {}) {
    const auto made = make_webdav_storage({}, url, std::move(options));
    return made ? ErrorCode::ok : made.error().code();
  };
  CHECK(code("ftp://h/x") == ErrorCode::invalid_argument);
  CHECK(code("https://u:p@h/x") == ErrorCode::invalid_argument);
  CHECK(code("https://h/x?y=z") == ErrorCode::invalid_argument);
  WebdavOptions bearer;
  bearer.auth = WebdavAuth::bearer;
  CHECK(code("https://h/x", std::move(bearer)) == ErrorCode::invalid_argument);
  WebdavOptions small;
  small.nextcloud = true;
  small.user = "u";
  small.part_bytes = 1000;
  CHECK(code("https://h/x", std::move(small)) == ErrorCode::invalid_argument);
  const Rude rude([](const std::string&) { return std::string(); });
  CHECK(rude.storage->info().name == "webdav+" + rude.server.url("/r"));
  CHECK(rude.storage->info().scheme == "webdav+http");
}
