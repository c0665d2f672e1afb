// libcrypto's algorithms, looked up once, and its contexts as owned values. Internal to this folder.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace drkit::crypto {

struct EvpFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, EvpFree>;

/// Null when libcrypto has no such algorithm; ready() reports that. Lookups live as long as the process: a fetch by
/// name costs more than sealing a small chunk.
const EVP_CIPHER* evp_chacha20_poly1305();
const EVP_CIPHER* evp_aes128_ecb();

inline CipherContext new_cipher_context() {
  CipherContext context(EVP_CIPHER_CTX_new());
  if (!context) throw std::bad_alloc();
  return context;
}

template <class Byte>
inline auto* as_uchar(Byte* bytes) {
  if constexpr (std::is_const_v<Byte>) {
    return reinterpret_cast<const unsigned char*>(bytes);
  } else {
    return reinterpret_cast<unsigned char*>(bytes);
  }
}

}  // namespace drkit::crypto
