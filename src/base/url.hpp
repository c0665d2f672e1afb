// Addresses: what users type for a storage or a source.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::base {

/// A parsed address; every part but the scheme is percent-decoded, except in opaque addresses.
struct Address {
  std::string scheme;  ///< lower case; "file" for a bare path
  std::string user;
  std::string host;        ///< without the brackets of an IPv6 address
  std::uint16_t port = 0;  ///< 0: not given
  std::string path;        ///< with its leading slash; of `scheme:text` without "//" the text as it is
  std::map<std::string, std::string> query;
  bool operator==(const Address&) const = default;
};

/// Parses `scheme://user@host:port/path?k=v&k2=v2`, `file:///path`, `scheme:text` (`mem:`) or a bare path.
/// A bare path starts with '/' or '.', or has no ':' before its first '/'; it is taken byte by byte.
/// Errors: invalid_argument, without a part of the address, since it may hold a secret: for malformed addresses, for
/// a password before the host and for query keys that name a secret.
Result<Address> parse_address(std::string_view text);

/// The scheme in front of the first ':' in lower case, "" for a bare path. For addresses whose rest the driver parses.
std::string scheme_of(std::string_view text);

/// Errors: invalid_argument naming the first query key that is not in the list.
Result<void> require_known_keys(const Address& address, std::initializer_list<std::string_view> known);

/// The address with everything that may be a secret replaced by "***": for logs and names. Takes any text.
std::string redact(std::string_view text);

}  // namespace drkit::base
