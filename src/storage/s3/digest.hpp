// Hashes that requests are signed and checked with.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::storage::s3 {

using Sha256 = std::array<std::byte, 32>;
using Md5 = std::array<std::byte, 16>;

Sha256 sha256(ByteView bytes);
Sha256 hmac_sha256(ByteView key, std::string_view text);
/// Nothing where the system forbids MD5.
std::optional<Md5> md5(ByteView bytes);

std::string to_base64(ByteView bytes);

/// Overwrites what must not stay in memory.
void wipe(std::string& text);

}  // namespace drkit::storage::s3
