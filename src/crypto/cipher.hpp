// XChaCha20-Poly1305: the only cipher for data.
#pragma once

#include <cstddef>
#include <span>

#include <drkit/result.hpp>

#include "crypto/random.hpp"

namespace drkit::crypto {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kNonceBytes = 24;
inline constexpr std::size_t kTagBytes = 16;

/// Writes ciphertext and tag (plain.size() + kTagBytes). The nonce must never repeat under a key; random ones do not.
/// `out` may be the very place of `plain`, else must not overlap it.
/// Errors: invalid_argument (a wrong size), internal.
/// Thread-safety: any thread.
Result<void> seal(ByteView key, ByteView nonce, ByteView associated, ByteView plain, std::span<std::byte> out);

/// The way back; out has sealed.size() - kTagBytes. On failure out is wiped.
/// Errors: corrupt (wrong key, nonce or associated data, or damaged bytes: they cannot be told apart),
///   invalid_argument, internal.
Result<void> open(ByteView key, ByteView nonce, ByteView associated, ByteView sealed, std::span<std::byte> out);

/// nonce || ciphertext || tag, with a random nonce.
Result<Bytes> seal_bytes(ByteView key, ByteView associated, ByteView plain, Random& random);
/// Errors: as open(); corrupt also when the input is too short.
Result<Bytes> open_bytes(ByteView key, ByteView associated, ByteView sealed);

}  // namespace drkit::crypto
