// HttpClient: HTTP/1.1 and HTTPS requests over libcurl, for the storages and systems that speak HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/result.hpp>
#include <drkit/secret.hpp>

namespace drkit::net {

/// How the other side is authenticated. Certificates and host names are always verified.
struct TlsOptions {
  std::string ca_file;           ///< PEM file of the authorities to trust instead of the system's; "": the system's
  std::string certificate_file;  ///< PEM file of the client's certificate; "": none
  std::string key_file;          ///< PEM file of its private key; "": in certificate_file
  Secret key_password;           ///< of an encrypted private key
};

struct HttpOptions {
  TlsOptions tls;
  std::string proxy;  ///< "" : none; "http://host:port", "socks5h://host:port", ...
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds stall_timeout{30'000};  ///< no byte in either direction for so long: timeout
  unsigned max_connections = 16;                    ///< requests beyond it wait for a free connection
};

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Credentials that the client applies; they are sent only to the host of the request's address.
/// digest asks once more for each request; basic_or_digest sends the whole body twice unless it is empty, so that
/// callers with bodies find out first (WWW-Authenticate) and then say which.
struct HttpAuth {
  enum class Kind : std::uint8_t { none, basic, digest, basic_or_digest, bearer };
  Kind kind = Kind::none;
  std::string user;
  const Secret* secret = nullptr;  ///< borrowed: password or token
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< already percent-encoded; sent byte by byte as it stands
  Headers headers;  ///< their values appear in no error and no log; one with a control character is refused
  ByteView body;    ///< borrowed
  bool has_body = false;
  HttpAuth auth;
  std::chrono::milliseconds stall_timeout{0};              ///< instead of the client's; 0: the client's
  std::size_t max_response_bytes = std::size_t{64} << 20;  ///< more is corrupt, refused while it arrives
};

struct HttpResponse {
  int status = 0;
  Headers headers;  ///< names in lower case, in their order
  Bytes body;

  /// The first header of this name (lower case); nullopt: none.
  std::optional<std::string_view> header(std::string_view name) const;
};

/// Sends requests over kept connections. Redirects are answered, never followed: the caller signs for one host alone.
/// A body shorter than its Content-Length is an error, never a short answer. A request that may change something is
/// sent once: when a kept connection turns out dead the caller is told, since the other side may have done its part.
/// Errors, of the transport alone (every HTTP status is a success here): unavailable (no connection, reset, truncated
/// answer; retryable), timeout (retryable), unauthenticated (the certificate does not verify, the server refuses ours;
/// not retryable), invalid_argument (address, header, file of a certificate), cancelled (within 0.2 s of the token),
/// corrupt (answer above max_response_bytes). Their context has "host" and never a query, a header or a secret.
/// Thread-safety: every member may be called concurrently.
class HttpClient {
 public:
  static Result<std::unique_ptr<HttpClient>> create(HttpOptions options);
  virtual ~HttpClient() = default;
  virtual Result<HttpResponse> send(const Context& ctx, const HttpRequest& request) = 0;
};

/// Percent-encodes everything but unreserved characters (RFC 3986) and, when asked, '/'.
std::string percent_encode(std::string_view text, bool keep_slashes = false);

/// Nanoseconds since the Unix epoch of a date as HTTP writes it; nullopt: unreadable.
std::optional<std::int64_t> http_date_ns(std::string_view text);

/// The wait that a Retry-After header asks for (seconds, or an HTTP date against `now_ns`); nullopt: none or
/// unreadable.
std::optional<std::chrono::nanoseconds> retry_after(const HttpResponse& response, std::int64_t now_ns);

}  // namespace drkit::net
