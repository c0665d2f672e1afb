// AWS Signature Version 4 over a request's headers. Pure: what is signed, when and with which key all come in.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <drkit/storage_s3.hpp>

namespace drkit::storage::s3 {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct SignedRequest {
  std::string method;
  std::string host;          ///< as the Host header will say it
  std::string path = "/";    ///< percent-encoded, as it is sent
  Pairs query;               ///< plain text
  Pairs headers;             ///< those to be sent and signed beside host
  std::string payload_hash;  ///< lower-case hexadecimal SHA-256 of the body
};

struct SigningScope {
  std::string region;
  std::string service = "s3";
  std::int64_t now_ns = 0;
};

/// The query as it must stand in the address: sorted, percent-encoded, every name with a '='.
std::string canonical_query(const Pairs& query);
/// The text whose hash is signed; for tests and for finding out why a server disagrees.
std::string canonical_request(const SignedRequest& request);

/// Adds x-amz-date, x-amz-content-sha256, x-amz-security-token and authorization to the headers.
void sign(SignedRequest& request, const S3Credentials& credentials, const SigningScope& scope);

}  // namespace drkit::storage::s3
