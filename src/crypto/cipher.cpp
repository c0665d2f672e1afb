#include "crypto/cipher.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <string>

#include "crypto/evp.hpp"
#include "crypto/sodium.hpp"

namespace drkit::crypto {
namespace {

enum class Direction : int { open = 0, seal = 1 };

// XChaCha20-Poly1305 is ChaCha20-Poly1305 under a key made of the key and the nonce's first 16 bytes, with the last 8
// as nonce (draft-irtf-cfrg-xchacha). libsodium makes that key; libcrypto, three times as fast, does the rest.
Result<CipherContext> start(ByteView key, ByteView nonce, Direction direction) {
  std::array<unsigned char, crypto_core_hchacha20_OUTPUTBYTES> subkey;
  std::array<unsigned char, 12> short_nonce{};
  crypto_core_hchacha20(subkey.data(), as_uchar(nonce.data()), as_uchar(key.data()), nullptr);
  std::copy_n(as_uchar(nonce.data()) + 16, 8, short_nonce.begin() + 4);
  CipherContext context = new_cipher_context();
  const int done = EVP_CipherInit_ex2(context.get(), evp_chacha20_poly1305(), subkey.data(), short_nonce.data(),
                                      static_cast<int>(direction), nullptr);
  sodium_memzero(subkey.data(), subkey.size());
  if (done != 1) return Error(ErrorCode::internal, "libcrypto refuses chacha20-poly1305");
  return context;
}

// libcrypto counts in int. A null output feeds associated data.
bool feed(EVP_CIPHER_CTX* context, unsigned char* out, ByteView bytes) {
  constexpr std::size_t kPart = std::size_t{1} << 30;
  for (std::size_t at = 0; at < bytes.size(); at += kPart) {
    const ByteView part = bytes.subspan(at, std::min(kPart, bytes.size() - at));
    int written = 0;
    unsigned char* to = out == nullptr ? nullptr : out + at;
    const int size = static_cast<int>(part.size());
    if (EVP_CipherUpdate(context, to, &written, as_uchar(part.data()), size) != 1) return false;
  }
  return true;
}

bool finish(EVP_CIPHER_CTX* context) {
  unsigned char nothing[1];
  int written = 0;
  return EVP_CipherFinal_ex(context, nothing, &written) == 1;
}

Result<void> check_sizes(ByteView key, ByteView nonce, std::size_t sealed_bytes, std::size_t plain_bytes) {
  if (key.size() != kKeyBytes) return Error(ErrorCode::invalid_argument, "cipher key has a wrong size");
  if (nonce.size() != kNonceBytes) return Error(ErrorCode::invalid_argument, "cipher nonce has a wrong size");
  if (sealed_bytes < kTagBytes || sealed_bytes - kTagBytes != plain_bytes) {
    return Error(ErrorCode::invalid_argument, "cipher output buffer has a wrong size");
  }
  return ready();
}

}  // namespace

Result<void> seal(ByteView key, ByteView nonce, ByteView associated, ByteView plain, std::span<std::byte> out) {
  DRKIT_TRY(check_sizes(key, nonce, out.size(), plain.size()));
  DRKIT_ASSIGN(const CipherContext context, start(key, nonce, Direction::seal));
  const bool done = feed(context.get(), nullptr, associated) && feed(context.get(), as_uchar(out.data()), plain) &&
                    finish(context.get()) &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kTagBytes),
                                        out.data() + plain.size()) == 1;
  if (!done) {
    wipe(out);
    return Error(ErrorCode::internal, "libcrypto failed to encrypt");
  }
  return {};
}

Result<void> open(ByteView key, ByteView nonce, ByteView associated, ByteView sealed, std::span<std::byte> out) {
  DRKIT_TRY(check_sizes(key, nonce, sealed.size(), out.size()));
  DRKIT_ASSIGN(const CipherContext context, start(key, nonce, Direction::open));
  std::array<std::byte, kTagBytes> tag;
  std::copy_n(sealed.end() - kTagBytes, kTagBytes, tag.begin());
  const bool done =
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kTagBytes), tag.data()) == 1 &&
      feed(context.get(), nullptr, associated) && feed(context.get(), as_uchar(out.data()), sealed.first(out.size())) &&
      finish(context.get());
  if (!done) {
    wipe(out);
    return Error(ErrorCode::corrupt, "authentication failed");
  }
  return {};
}

Result<Bytes> seal_bytes(ByteView key, ByteView associated, ByteView plain, Random& random) {
  Bytes sealed(kNonceBytes + plain.size() + kTagBytes);
  const std::span<std::byte> whole(sealed);
  random.fill(whole.first(kNonceBytes));
  DRKIT_TRY(seal(key, whole.first(kNonceBytes), associated, plain, whole.subspan(kNonceBytes)));
  return sealed;
}

Result<Bytes> open_bytes(ByteView key, ByteView associated, ByteView sealed) {
  if (sealed.size() < kNonceBytes + kTagBytes) {
    return Error(ErrorCode::corrupt, "sealed bytes are too short")
        .with("found", std::to_string(sealed.size()))
        .with("expected", "at least " + std::to_string(kNonceBytes + kTagBytes));
  }
  Bytes plain(sealed.size() - kNonceBytes - kTagBytes);
  DRKIT_TRY(open(key, sealed.first(kNonceBytes), associated, sealed.subspan(kNonceBytes), plain));
  return plain;
}

}  // namespace drkit::crypto
