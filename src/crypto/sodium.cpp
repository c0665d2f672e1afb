#include "crypto/sodium.hpp"

#include <sodium.h>

#include "crypto/evp.hpp"

namespace drkit::crypto {

const EVP_CIPHER* evp_chacha20_poly1305() {
  static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  return algorithm;
}

const EVP_CIPHER* evp_aes128_ecb() {
  static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
  return algorithm;
}

Result<void> ready() {
  static const int status = sodium_init();
  if (status < 0) return Error(ErrorCode::internal, "libsodium cannot be initialised");
  if (evp_chacha20_poly1305() == nullptr || evp_aes128_ecb() == nullptr) {
    return Error(ErrorCode::unsupported, "libcrypto lacks chacha20-poly1305 or aes-128");
  }
  return {};
}

void wipe(std::span<std::byte> bytes) { sodium_memzero(bytes.data(), bytes.size()); }

}  // namespace drkit::crypto
