// Keys from passwords, and keys from keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <drkit/result.hpp>
#include <drkit/secret.hpp>

namespace drkit::crypto {

inline constexpr std::size_t kSaltBytes = 16;

struct Argon2Params {
  std::uint64_t ops = 3;
  std::uint64_t memory_bytes = std::uint64_t{64} << 20;
  bool operator==(const Argon2Params&) const = default;
};

/// What a stored key may ask of whoever opens it: a hostile key object must not exhaust the reader.
inline constexpr std::uint64_t kArgon2MaxOps = 64;
inline constexpr std::uint64_t kArgon2MaxMemoryBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kArgon2MinMemoryBytes = 8192;

/// Whether argon2id() would accept the parameters.
bool argon2_params_acceptable(const Argon2Params& params);

/// Argon2id version 1.3 with one lane: 32 bytes.
/// Errors: invalid_argument (salt not of 16 bytes, parameters beyond the limits), out_of_memory.
Result<Secret> argon2id(const Secret& password, ByteView salt, const Argon2Params& params = {});

/// 32 bytes: BLAKE2b-256 of the purpose, keyed. Different purposes give independent keys.
/// REQUIRES: key of 16 to 64 bytes; any other size gives a random key, never one that others could compute.
Secret derive_key(const Secret& key, std::string_view purpose);

/// So many bytes that look random, always the same for the same key: the ChaCha20 key stream with a nonce of zero.
/// REQUIRES: key of 32 bytes used for nothing else; any other size gives random bytes.
Secret expand_key(const Secret& key, std::size_t size_bytes);

}  // namespace drkit::crypto
