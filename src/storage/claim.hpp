// claim: what an object, or its key, says that bytes hash to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include <drkit/result.hpp>

#include "storage/digest_key.hpp"

namespace drkit::storage {

/// `covered` hashes to the digest by SHA-256 when the object is whole; both digests empty: it is not, whatever it
/// holds.
struct Claim {
  ByteView covered;
  std::string_view hex = {};  ///< of the key
  ByteView digest = {};       ///< of the object's end
};

/// Of the key when it is a digest; else of the envelope that objects of a repository have (docs/format/v1.md, 2).
/// Nothing when there is neither.
inline std::optional<Claim> claim_of(std::string_view key, ByteView object) {
  constexpr std::string_view kMagic = "drkit\x1a";
  constexpr std::size_t kHeadBytes = 16;  // magic, version, kind, length
  constexpr std::size_t kDigestBytes = 32;
  if (const std::string_view hex = digest_in(key); !hex.empty()) return Claim{object, hex};
  if (object.size() < kMagic.size() || as_text(object.first(kMagic.size())) != kMagic) return std::nullopt;
  if (object.size() < kHeadBytes + kDigestBytes) return Claim{object};
  std::uint64_t length = 0;
  for (std::size_t i = kHeadBytes; i-- > kMagic.size() + 2;)
    length = length << 8 | std::to_integer<unsigned>(object[i]);
  if (length != object.size() - kHeadBytes - kDigestBytes) return Claim{object};
  return Claim{object.first(object.size() - kDigestBytes), {}, object.last(kDigestBytes)};
}

}  // namespace drkit::storage
