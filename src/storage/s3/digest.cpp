#include "storage/s3/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <new>

namespace drkit::storage::s3 {
namespace {

const unsigned char* in(ByteView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
template <class Array>
unsigned char* out(Array& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

// Looked up once: by name it costs more than the hash of a small request.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}
const EVP_MD* md5_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  return algorithm;
}

}  // namespace

Sha256 sha256(ByteView bytes) {
  Sha256 digest{};
  // Nothing but memory can be missing: every provider that libcrypto may be configured with has SHA-256.
  if (EVP_Digest(bytes.data(), bytes.size(), out(digest), nullptr, sha256_algorithm(), nullptr) != 1) {
    throw std::bad_alloc();
  }
  return digest;
}

Sha256 hmac_sha256(ByteView key, std::string_view text) {
  Sha256 digest{};
  if (HMAC(sha256_algorithm(), key.data(), static_cast<int>(key.size()), in(as_bytes(text)), text.size(), out(digest),
           nullptr) == nullptr) {
    throw std::bad_alloc();
  }
  return digest;
}

std::optional<Md5> md5(ByteView bytes) {
  Md5 digest{};
  if (md5_algorithm() == nullptr ||
      EVP_Digest(bytes.data(), bytes.size(), out(digest), nullptr, md5_algorithm(), nullptr) != 1) {
    return std::nullopt;
  }
  return digest;
}

std::string to_base64(ByteView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), in(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace drkit::storage::s3
