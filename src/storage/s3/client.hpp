// Signed requests to one bucket.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/http.hpp"
#include "storage/s3/credential_cache.hpp"
#include "storage/s3/digest.hpp"
#include "storage/s3/options.hpp"
#include "storage/s3/sigv4.hpp"

namespace drkit::storage::s3 {

using HttpPtr = std::shared_ptr<net::HttpClient>;

struct Request {
  std::string method = "GET";
  std::string object;  ///< whole key of an object, with the prefix; "": the bucket itself
  Pairs query;
  Pairs headers;
  ByteView body;  ///< borrowed
  bool has_body = false;
  std::size_t max_response_bytes = std::size_t{64} << 20;
};

/// How requests leave the machine.
struct Transport {
  HttpPtr requests;
  HttpPtr cleanup;  ///< without patience: for what is tidied up after a failure
};

/// Signs and sends. Repeats a request once when the server says that the bucket is in another region or that the
/// credentials have expired, and never for another reason: repeating is for the retry decorator.
/// Thread-safety: every member may be called concurrently.
class Client {
 public:
  /// REQUIRES: valid options; borrowed, they must outlive the client.
  Client(const S3Options& options, Transport transport);

  /// Any answer of the server. Errors: of the transport and of the credentials.
  Result<net::HttpResponse> send(const Context& ctx, const Request& request);
  /// Answers of success alone.
  Result<net::HttpResponse> call(const Context& ctx, const Request& request);
  /// Any answer, over the connection for tidying up, and also when the caller has cancelled.
  Result<net::HttpResponse> send_cleanup(const Context& ctx, const Request& request);

 private:
  Result<net::HttpResponse> send_over(const Context& ctx, const Request& request, net::HttpClient& http);
  Result<net::HttpResponse> send_once(const Context& ctx, const Request& request, net::HttpClient& http,
                                      const std::string& payload_hash, const S3Credentials& credentials,
                                      const std::string& region);
  bool learn_region(const net::HttpResponse& response, const std::string& used);
  std::string current_region() const;

  const S3Options& options_;
  const Transport transport_;
  CredentialCache credentials_;
  mutable std::mutex mutex_;
  std::string region_;
};

}  // namespace drkit::storage::s3
