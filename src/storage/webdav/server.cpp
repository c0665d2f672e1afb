#include "storage/webdav/server.hpp"

#include <algorithm>

#include "storage/webdav/path.hpp"

namespace drkit::storage::webdav {
namespace {

using Kind = net::HttpAuth::Kind;

constexpr std::string_view kPropfind =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
    "<d:propfind "
    "xmlns:d=\"DAV:\"><d:prop><d:resourcetype/><d:getcontentlength/><d:getlastmodified/></d:prop></d:propfind>";

// The password goes out unasked only where nobody can listen.
Kind first_auth(WebdavAuth wanted, std::string_view origin) {
  switch (wanted) {
    case WebdavAuth::basic:
      return Kind::basic;
    case WebdavAuth::digest:
      return Kind::digest;
    case WebdavAuth::bearer:
      return Kind::bearer;
    case WebdavAuth::automatic:
      break;
  }
  return origin.starts_with("https:") ? Kind::basic : Kind::none;
}

bool offers(const net::HttpResponse& response, std::string_view scheme) {
  return std::any_of(response.headers.begin(), response.headers.end(), [&](const auto& header) {
    std::string value = header.second;
    std::transform(value.begin(), value.end(), value.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return header.first == "www-authenticate" && value.find(scheme) != std::string::npos;
  });
}

struct Meaning {
  int status;
  ErrorCode code;
  Retry retry;
  const char* why;
};

constexpr Meaning kMeanings[] = {
    {401, ErrorCode::unauthenticated, Retry::no, "the server refuses the credentials, or wants some"},
    {402, ErrorCode::permission_denied, Retry::no, "the server wants to be paid"},
    {403, ErrorCode::permission_denied, Retry::no, "the server does not allow this"},
    {404, ErrorCode::not_found, Retry::no, "not there"},
    {405, ErrorCode::permission_denied, Retry::no, "the server does not allow this method here"},
    {407, ErrorCode::unauthenticated, Retry::no, "the proxy refuses the credentials, or wants some"},
    {408, ErrorCode::timeout, Retry::yes, "the server waited too long for the request"},
    {409, ErrorCode::precondition_failed, Retry::no, "the folder is missing, or in the way"},
    {410, ErrorCode::not_found, Retry::no, "not there"},
    {412, ErrorCode::precondition_failed, Retry::no, "something is already there"},
    {413, ErrorCode::unsupported, Retry::no, "the server takes no object of this size"},
    {423, ErrorCode::unavailable, Retry::yes, "locked by somebody else"},
    {425, ErrorCode::unavailable, Retry::yes, "the server is not ready"},
    {429, ErrorCode::rate_limited, Retry::yes, "the server asks to slow down"},
    {501, ErrorCode::unsupported, Retry::no, "the server does not know this method"},
    {505, ErrorCode::unsupported, Retry::no, "the server does not speak HTTP/1.1"},
    {507, ErrorCode::no_space, Retry::no, "the quota is used up, or the server's disk is full"},
};

Meaning meaning_of(int status) {
  for (const Meaning& meaning : kMeanings) {
    if (meaning.status == status) return meaning;
  }
  if (status / 100 == 3) return {status, ErrorCode::unsupported, Retry::no, "the server sends us to another address"};
  if (status / 100 == 5) return {status, ErrorCode::unavailable, Retry::yes, "the server has failed"};
  return {status, ErrorCode::io, Retry::no, "the server refuses the request"};
}

}  // namespace

Error status_error(const Context& ctx, const net::HttpResponse& response, const char* what) {
  const Meaning meaning = meaning_of(response.status);
  Error error = Error(meaning.code, std::string(what) + ": " + meaning.why, meaning.retry)
                    .with("status", std::to_string(response.status));
  const auto wait = meaning.retry == Retry::yes ? net::retry_after(response, ctx.clock->wall_ns()) : std::nullopt;
  if (!wait) return error;
  const auto wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*wait);
  return std::move(error).with("retry_after_ms", std::to_string(wait_ms.count()));
}

Result<std::unique_ptr<Server>> Server::make(std::string origin, WebdavOptions options) {
  net::HttpOptions http;
  http.tls.ca_file = options.ca_file;
  http.tls.certificate_file = options.client_certificate_file;
  http.tls.key_file = options.client_key_file;
  http.tls.key_password = std::move(options.client_key_password);
  http.proxy = options.proxy;
  http.connect_timeout = options.connect_timeout;
  http.stall_timeout = options.stall_timeout;
  http.max_connections = options.max_connections;
  DRKIT_ASSIGN(auto client, net::HttpClient::create(std::move(http)));
  return std::unique_ptr<Server>(new Server(std::move(origin), std::move(options), std::move(client)));
}

Server::Server(std::string origin, WebdavOptions options, std::unique_ptr<net::HttpClient> client)
    : origin_(std::move(origin)),
      user_(std::move(options.user)),
      password_(std::move(options.password)),
      wanted_(options.auth),
      auth_(first_auth(options.auth, origin_)),
      client_(std::move(client)) {}

std::string Server::url_of(std::string_view path, bool collection) const {
  return origin_ + net::percent_encode(path, true) + (collection || path.empty() ? "/" : "");
}

// True: the refusal names a way that was not tried yet.
bool Server::learn_auth(const net::HttpResponse& refusal) {
  if (wanted_ != WebdavAuth::automatic || !has_credentials()) return false;
  const Kind tried = auth_;
  const bool basic = tried == Kind::none && offers(refusal, "basic");
  const Kind next = offers(refusal, "digest") ? Kind::digest : basic ? Kind::basic : tried;
  auth_ = next;
  return next != tried;
}

Result<net::HttpResponse> Server::send(const Context& ctx, const Call& call) {
  net::HttpRequest request;
  request.method = call.method;
  request.url = url_of(call.path, call.collection);
  request.headers = call.headers;
  request.body = call.body;
  request.has_body = call.has_body;
  request.stall_timeout = call.stall_timeout;
  request.max_response_bytes = call.max_response_bytes;
  for (;;) {
    if (has_credentials()) request.auth = {auth_, user_, &password_};
    DRKIT_ASSIGN(net::HttpResponse response, client_->send(ctx, request));
    // Another thread may have learned meanwhile.
    const bool again = response.status == 401 && (learn_auth(response) || request.auth.kind != auth_);
    if (!again || !has_credentials()) return response;
  }
}

Result<net::HttpResponse> Server::expect_done(const Context& ctx, const Call& call, const char* what) {
  DRKIT_ASSIGN(net::HttpResponse response, send(ctx, call));
  // 202 and 207 say that (a part of) the work is not done.
  if (response.status == 200 || response.status == 201 || response.status == 204) return response;
  return status_error(ctx, response, what);
}

Result<Listing> Server::look_once(const Context& ctx, std::string_view path, bool deep) {
  Call call{"PROPFIND", std::string(path), deep};
  // Never infinity: servers refuse it, or work on it for hours.
  call.headers = {{"Depth", deep ? "1" : "0"}, {"Content-Type", "application/xml; charset=utf-8"}};
  call.body = as_bytes(kPropfind);
  call.has_body = true;
  DRKIT_ASSIGN(const net::HttpResponse response, send(ctx, call));
  if (response.status == 200 || response.status == 204) {
    return Error(ErrorCode::unsupported, "there is no WebDAV at this address");
  }
  if (response.status != 207) return status_error(ctx, response, deep ? "listing a folder" : "looking at a file");
  Listing listing;
  auto resources = parse_multistatus(as_text(response.body), path);
  if (!resources) return std::move(resources).error();
  listing.resources = std::move(*resources);
  if (const auto date = response.header("date")) listing.server_ns = net::http_date_ns(*date).value_or(0);
  return listing;
}

// Some servers break a listing off in the middle when a file that they are about to describe goes.
Result<Listing> Server::look(const Context& ctx, std::string_view path, bool deep) {
  constexpr int kLooks = 4;
  for (int look = 1;; ++look) {
    auto listing = look_once(ctx, path, deep);
    if (listing || listing.error().code() != ErrorCode::corrupt || look == kLooks) return listing;
  }
}

Result<Resource> Server::stat(const Context& ctx, std::string_view path) {
  DRKIT_ASSIGN(Listing listing, look(ctx, path, false));
  for (Resource& resource : listing.resources) {
    if (resource.path != path) continue;
    if (resource.status / 100 == 2) return std::move(resource);
    net::HttpResponse inner;
    inner.status = resource.status;
    return status_error(ctx, inner, "looking at a file");
  }
  return Error(ErrorCode::unsupported, "the server lists other paths than were asked for");
}

}  // namespace drkit::storage::webdav
