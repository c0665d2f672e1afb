// Headers that the options ask for, and what answers say in theirs.
#pragma once

#include <optional>
#include <string>

#include "net/http.hpp"
#include "storage/s3/digest.hpp"
#include "storage/s3/sigv4.hpp"

#include <drkit/storage_s3.hpp>

namespace drkit::storage::s3 {

enum class PutKind : std::uint8_t {
  object,
  bare
};  ///< bare: encrypted as everything, but not locked, tagged or classed

/// Of a request that makes an object. Units: the moment in nanoseconds since the Unix epoch.
Pairs put_headers(const S3Options& options, PutKind kind, std::int64_t now_ns);
/// Of a request that reads one, or sends a part: a customer's key goes along every time.
Pairs read_headers(const S3Options& options);

/// That the answer to a put, or to the beginning of one in parts, confirms the encryption that was asked for: some
/// servers take the request and store in clear. Errors: unsupported.
Result<void> confirm_encryption(const S3Options& options, const net::HttpResponse& response);

/// "GOVERNANCE" or "COMPLIANCE"; "" for none.
std::string lock_mode_name(S3LockMode mode);

/// The MD5 of the object as the entity tag tells it: of objects put whole and not sealed by a key that the server does
/// not keep for itself. Nothing: the tag says something else.
std::optional<Md5> etag_md5(std::string_view etag, const net::HttpResponse& response);
/// An entity tag without its quotes.
std::string plain_etag(std::string_view etag);

struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total;
};
/// "bytes 0-99/1000"
std::optional<ContentRange> parse_content_range(std::string_view text);
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace drkit::storage::s3
