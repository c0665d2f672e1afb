// Server: the methods of WebDAV on one server, with credentials, and what its answers mean.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/storage.hpp>

#include "net/http.hpp"
#include "storage/webdav/multistatus.hpp"

namespace drkit::storage::webdav {

struct Call {
  std::string method;
  std::string path;         ///< decoded
  bool collection = false;  ///< a folder: servers want a slash at the end
  net::Headers headers = {};
  ByteView body = {};
  bool has_body = false;
  std::chrono::milliseconds stall_timeout{0};  ///< 0: the storage's
  std::size_t max_response_bytes = std::size_t{64} << 20;
};

struct Listing {
  std::vector<Resource> resources;
  std::int64_t server_ns = 0;  ///< the server's clock; 0: not said
};

/// What a status that is no success means; `what` says what was tried.
Error status_error(const Context& ctx, const net::HttpResponse& response, const char* what);

class Server {
 public:
  /// origin: "https://host:port".
  static Result<std::unique_ptr<Server>> make(std::string origin, WebdavOptions options);

  /// Every status is an answer.
  Result<net::HttpResponse> send(const Context& ctx, const Call& call);
  /// Like send, but only 2xx other than 207 is a success.
  Result<net::HttpResponse> expect_done(const Context& ctx, const Call& call, const char* what);
  /// The thing itself, or (deep) a folder with what is in it. Errors: not_found, corrupt.
  Result<Listing> look(const Context& ctx, std::string_view path, bool deep);
  /// One thing. Errors: not_found.
  Result<Resource> stat(const Context& ctx, std::string_view path);
  /// The address of a path, for headers that name one.
  std::string url_of(std::string_view path, bool collection = false) const;

 private:
  Server(std::string origin, WebdavOptions options, std::unique_ptr<net::HttpClient> client);
  Result<Listing> look_once(const Context& ctx, std::string_view path, bool deep);
  bool learn_auth(const net::HttpResponse& refusal);
  bool has_credentials() const { return !password_.empty(); }

  const std::string origin_;
  const std::string user_;
  const Secret password_;
  const WebdavAuth wanted_;
  std::atomic<net::HttpAuth::Kind> auth_;
  std::unique_ptr<net::HttpClient> client_;
};

}  // namespace drkit::storage::webdav
