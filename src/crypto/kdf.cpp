#include "crypto/kdf.hpp"

#include <sodium.h>

#include <array>
#include <string>

#include "crypto/evp.hpp"
#include "crypto/random.hpp"
#include "crypto/sodium.hpp"

namespace drkit::crypto {
namespace {

constexpr std::size_t kDerivedBytes = 32;
static_assert(crypto_pwhash_argon2id_SALTBYTES == kSaltBytes);
static_assert(crypto_pwhash_argon2id_MEMLIMIT_MIN == kArgon2MinMemoryBytes);

// What a misused key gives: nobody can compute it, so whatever is made with it protects, though nothing opens it.
Secret random_secret(std::size_t size_bytes) {
  Secret secret = Secret::zeros(size_bytes);
  system_random().fill(secret.writable());
  return secret;
}

}  // namespace

bool argon2_params_acceptable(const Argon2Params& params) {
  return params.ops >= 1 && params.ops <= kArgon2MaxOps && params.memory_bytes >= kArgon2MinMemoryBytes &&
         params.memory_bytes <= kArgon2MaxMemoryBytes;
}

Result<Secret> argon2id(const Secret& password, ByteView salt, const Argon2Params& params) {
  DRKIT_TRY(ready());
  if (salt.size() != kSaltBytes) return Error(ErrorCode::invalid_argument, "argon2id salt has a wrong size");
  if (!argon2_params_acceptable(params)) {
    return Error(ErrorCode::invalid_argument, "argon2id parameters are out of range")
        .with("ops", std::to_string(params.ops))
        .with("memory_bytes", std::to_string(params.memory_bytes));
  }
  Secret key = Secret::zeros(kDerivedBytes);
  // An empty view may be null, which libsodium does not take.
  const std::string_view text = password.empty() ? std::string_view("") : as_text(password.view());
  const int failed = crypto_pwhash_argon2id(as_uchar(key.writable().data()), key.size(), text.data(), text.size(),
                                            as_uchar(salt.data()), params.ops, params.memory_bytes,
                                            crypto_pwhash_argon2id_ALG_ARGON2ID13);
  if (failed != 0) return Error(ErrorCode::out_of_memory, "argon2id has not enough memory");
  return key;
}

Secret derive_key(const Secret& key, std::string_view purpose) {
  if (key.size() < crypto_generichash_KEYBYTES_MIN || key.size() > crypto_generichash_KEYBYTES_MAX) {
    return random_secret(kDerivedBytes);
  }
  Secret derived = Secret::zeros(kDerivedBytes);
  crypto_generichash(as_uchar(derived.writable().data()), derived.size(),
                     reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size(),
                     as_uchar(key.view().data()), key.size());
  return derived;
}

Secret expand_key(const Secret& key, std::size_t size_bytes) {
  if (key.size() != crypto_stream_chacha20_KEYBYTES) return random_secret(size_bytes);
  static constexpr std::array<unsigned char, crypto_stream_chacha20_ietf_NONCEBYTES> kNonce{};
  Secret expanded = Secret::zeros(size_bytes);
  if (size_bytes > 0) {
    crypto_stream_chacha20_ietf(as_uchar(expanded.writable().data()), size_bytes, kNonce.data(),
                                as_uchar(key.view().data()));
  }
  return expanded;
}

}  // namespace drkit::crypto
