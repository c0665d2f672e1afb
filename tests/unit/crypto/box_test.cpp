#include "crypto/box.hpp"

#include <doctest/doctest.h>

#include "testing/hex.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::crypto;
using drkit::testing::from_hex;
using drkit::testing::SeededRandom;
using drkit::testing::to_hex;

TEST_CASE("a box opens for its recipient alone") {
  SeededRandom random(1);
  const KeyPair alice = generate_key_pair(random);
  const KeyPair bob = generate_key_pair(random);
  CHECK(alice.public_key != bob.public_key);
  const Bytes box = seal_box(alice.public_key, as_bytes("content key")).value();
  CHECK(box.size() == 11 + kBoxOverheadBytes);
  CHECK(as_text(open_box(alice, box).value().view()) == "content key");
  CHECK(open_box(bob, box).error().code() == ErrorCode::corrupt);
  CHECK(open_box(alice, seal_box(alice.public_key, {}).value()).value().empty());
}

TEST_CASE("a damaged or cut box does not open") {
  SeededRandom random(2);
  const KeyPair pair = generate_key_pair(random);
  Bytes box = seal_box(pair.public_key, as_bytes("key")).value();
  for (std::size_t i = 0; i < box.size(); ++i) {
    REQUIRE(open_box(pair, ByteView(box).first(i)).error().code() == ErrorCode::corrupt);
    box[i] ^= std::byte{1};
    REQUIRE(open_box(pair, box).error().code() == ErrorCode::corrupt);
    box[i] ^= std::byte{1};
  }
  CHECK(open_box(pair, box).ok());
  CHECK(open_box(KeyPair{}, box).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("a public key of small order is refused") {
  CHECK(seal_box(PublicKey{}, as_bytes("key")).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("a stored secret key gives its pair again") {
  SeededRandom random(3);
  const KeyPair pair = generate_key_pair(random);
  CHECK(key_pair_from_secret(pair.secret_key).value().public_key == pair.public_key);
  CHECK(key_pair_from_secret(Secret()).error().code() == ErrorCode::invalid_argument);
  CHECK(key_pair_from_seed(Bytes(31)).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("pinned: X25519 pair of a seed") {
  const KeyPair pair = key_pair_from_seed(Bytes(32, std::byte{1})).value();
  CHECK(to_hex(pair.public_key) == "1b1b58dd50ea14b60da17b790cd02754d970c9bab864ebb3c0f3016fe51d3f57");
}

TEST_CASE("Ed25519 follows RFC 8032, test 2") {
  const Bytes seed = from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const SigningKeyPair pair = signing_key_pair_from_seed(seed).value();
  CHECK(to_hex(pair.public_key) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Signature signature = sign(pair, from_hex("72")).value();
  CHECK(to_hex(signature) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST_CASE("a signature fits its message and its signer") {
  SeededRandom random(4);
  const SigningKeyPair signer = generate_signing_key_pair(random);
  const SigningKeyPair other = generate_signing_key_pair(random);
  Signature signature = sign(signer, as_bytes("restorable")).value();
  CHECK(verify(signer.public_key, as_bytes("restorable"), signature));
  CHECK_FALSE(verify(signer.public_key, as_bytes("restorablE"), signature));
  CHECK_FALSE(verify(other.public_key, as_bytes("restorable"), signature));
  CHECK_FALSE(verify(signer.public_key, as_bytes("restorable"), ByteView(signature).first(63)));
  CHECK(verify(signer.public_key, {}, sign(signer, {}).value()));
  signature[10] ^= std::byte{1};
  CHECK_FALSE(verify(signer.public_key, as_bytes("restorable"), signature));
  CHECK(sign(SigningKeyPair{}, {}).error().code() == ErrorCode::invalid_argument);
}
