// proof: which of two objects under one key is the right one.
#pragma once

#include "base/hex.hpp"
#include "crypto/sha256.hpp"
#include "storage/claim.hpp"

namespace drkit::storage::mirror {

enum class Proof {
  none,  ///< nothing says what the bytes should be
  good,
  bad,
};

inline Proof proof_of(std::string_view key, ByteView object) {
  const auto claim = claim_of(key, object);
  if (!claim) return Proof::none;
  const crypto::Digest digest = crypto::sha256(claim->covered);
  const bool by_key = base::to_hex(digest) == claim->hex;
  return by_key || std::equal(digest.begin(), digest.end(), claim->digest.begin(), claim->digest.end()) ? Proof::good
                                                                                                        : Proof::bad;
}

}  // namespace drkit::storage::mirror
