#include "crypto/box.hpp"

#include <sodium.h>

#include "crypto/evp.hpp"
#include "crypto/sodium.hpp"

namespace drkit::crypto {
namespace {

constexpr std::size_t kSeedBytes = 32;
static_assert(crypto_box_SEEDBYTES == kSeedBytes && crypto_sign_SEEDBYTES == kSeedBytes);
static_assert(crypto_box_SEALBYTES == kBoxOverheadBytes && crypto_box_SECRETKEYBYTES == 32);
static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_BYTES == 64);

KeyPair make_key_pair(ByteView seed) {
  KeyPair pair;
  pair.secret_key = Secret::zeros(crypto_box_SECRETKEYBYTES);
  crypto_box_seed_keypair(as_uchar(pair.public_key.data()), as_uchar(pair.secret_key.writable().data()),
                          as_uchar(seed.data()));
  return pair;
}

SigningKeyPair make_signing_key_pair(ByteView seed) {
  SigningKeyPair pair;
  pair.secret_key = Secret::zeros(crypto_sign_SECRETKEYBYTES);
  crypto_sign_seed_keypair(as_uchar(pair.public_key.data()), as_uchar(pair.secret_key.writable().data()),
                           as_uchar(seed.data()));
  return pair;
}

Secret random_seed(Random& random) {
  Secret seed = Secret::zeros(kSeedBytes);
  random.fill(seed.writable());
  return seed;
}

}  // namespace

KeyPair generate_key_pair(Random& random) { return make_key_pair(random_seed(random).view()); }

Result<KeyPair> key_pair_from_seed(ByteView seed) {
  if (seed.size() != kSeedBytes) return Error(ErrorCode::invalid_argument, "key seed has a wrong size");
  return make_key_pair(seed);
}

Result<KeyPair> key_pair_from_secret(const Secret& secret_key) {
  if (secret_key.size() != crypto_box_SECRETKEYBYTES) {
    return Error(ErrorCode::invalid_argument, "secret key has a wrong size");
  }
  KeyPair pair;
  pair.secret_key = secret_key.clone();
  crypto_scalarmult_base(as_uchar(pair.public_key.data()), as_uchar(secret_key.view().data()));
  return pair;
}

Result<Bytes> seal_box(const PublicKey& public_key, ByteView plain) {
  DRKIT_TRY(ready());
  Bytes sealed(plain.size() + kBoxOverheadBytes);
  auto* const out = as_uchar(sealed.data());
  if (crypto_box_seal(out, as_uchar(plain.data()), plain.size(), as_uchar(public_key.data())) != 0) {
    return Error(ErrorCode::invalid_argument, "public key is not usable");
  }
  return sealed;
}

Result<Secret> open_box(const KeyPair& recipient, ByteView sealed) {
  if (recipient.secret_key.size() != crypto_box_SECRETKEYBYTES) {
    return Error(ErrorCode::invalid_argument, "secret key has a wrong size");
  }
  if (sealed.size() < kBoxOverheadBytes) return Error(ErrorCode::corrupt, "sealed box is too short");
  Secret plain = Secret::zeros(sealed.size() - kBoxOverheadBytes);
  unsigned char nothing = 0;
  unsigned char* out = plain.empty() ? &nothing : as_uchar(plain.writable().data());
  if (crypto_box_seal_open(out, as_uchar(sealed.data()), sealed.size(), as_uchar(recipient.public_key.data()),
                           as_uchar(recipient.secret_key.view().data())) != 0) {
    return Error(ErrorCode::corrupt, "sealed box does not open with this key");
  }
  return plain;
}

SigningKeyPair generate_signing_key_pair(Random& random) { return make_signing_key_pair(random_seed(random).view()); }

Result<SigningKeyPair> signing_key_pair_from_seed(ByteView seed) {
  if (seed.size() != kSeedBytes) return Error(ErrorCode::invalid_argument, "key seed has a wrong size");
  return make_signing_key_pair(seed);
}

Result<Signature> sign(const SigningKeyPair& signer, ByteView message) {
  if (signer.secret_key.size() != crypto_sign_SECRETKEYBYTES) {
    return Error(ErrorCode::invalid_argument, "signing key has a wrong size");
  }
  Signature signature{};
  crypto_sign_detached(as_uchar(signature.data()), nullptr, as_uchar(message.data()), message.size(),
                       as_uchar(signer.secret_key.view().data()));
  return signature;
}

bool verify(const PublicKey& public_key, ByteView message, ByteView signature) {
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(as_uchar(signature.data()), as_uchar(message.data()), message.size(),
                                     as_uchar(public_key.data())) == 0;
}

}  // namespace drkit::crypto
