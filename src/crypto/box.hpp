// Public keys: X25519 boxes that only a recipient opens, Ed25519 signatures for proofs.
#pragma once

#include <array>
#include <cstddef>

#include <drkit/result.hpp>
#include <drkit/secret.hpp>

#include "crypto/random.hpp"

namespace drkit::crypto {

inline constexpr std::size_t kBoxOverheadBytes = 48;

using PublicKey = std::array<std::byte, 32>;
using Signature = std::array<std::byte, 64>;

/// X25519.
struct KeyPair {
  std::array<std::byte, 32> public_key{};
  Secret secret_key;  ///< 32 bytes
};

/// Ed25519.
struct SigningKeyPair {
  std::array<std::byte, 32> public_key{};
  Secret secret_key;  ///< 64 bytes: seed and public key
};

KeyPair generate_key_pair(Random& random);
/// Errors: invalid_argument unless the seed has 32 bytes.
Result<KeyPair> key_pair_from_seed(ByteView seed);
/// The pair of a stored secret key. Errors: invalid_argument unless it has 32 bytes.
Result<KeyPair> key_pair_from_secret(const Secret& secret_key);

/// Seals to the recipient from nobody: anyone can make a box, only the recipient opens it.
/// Errors: invalid_argument when the public key is no usable point.
Result<Bytes> seal_box(const PublicKey& public_key, ByteView plain);
/// Errors: corrupt when the box was made for another key or is damaged.
Result<Secret> open_box(const KeyPair& recipient, ByteView sealed);

SigningKeyPair generate_signing_key_pair(Random& random);
/// Errors: invalid_argument unless the seed has 32 bytes.
Result<SigningKeyPair> signing_key_pair_from_seed(ByteView seed);
/// Errors: invalid_argument when the pair has no secret key of 64 bytes.
Result<Signature> sign(const SigningKeyPair& signer, ByteView message);
bool verify(const PublicKey& public_key, ByteView message, ByteView signature);

}  // namespace drkit::crypto
