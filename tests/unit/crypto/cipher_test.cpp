#include "crypto/cipher.hpp"

#include <doctest/doctest.h>
#include <sodium.h>

#include "crypto/sodium.hpp"
#include "testing/hex.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::crypto;
using drkit::testing::from_hex;
using drkit::testing::SeededRandom;
using drkit::testing::to_hex;

namespace {

const unsigned char* raw(ByteView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

Bytes seal_by_libsodium(ByteView key, ByteView nonce, ByteView associated, ByteView plain) {
  Bytes sealed(plain.size() + kTagBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(reinterpret_cast<unsigned char*>(sealed.data()), nullptr, raw(plain),
                                             plain.size(), raw(associated), associated.size(), nullptr, raw(nonce),
                                             raw(key));
  return sealed;
}

bool is_zero(ByteView bytes) {
  for (const std::byte b : bytes) {
    if (b != std::byte{0}) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("the example of draft-irtf-cfrg-xchacha-03, appendix A.3.1") {
  const Bytes key = from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const Bytes nonce = from_hex("404142434445464748494a4b4c4d4e4f5051525354555657");
  const Bytes associated = from_hex("50515253c0c1c2c3c4c5c6c7");
  const ByteView plain = as_bytes(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be "
      "it.");
  Bytes sealed(plain.size() + kTagBytes);
  REQUIRE(seal(key, nonce, associated, plain, sealed));
  CHECK(to_hex(sealed) ==
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
        "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
        "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52e"
        "c0875924c1c7987947deafd8780acf49");
}

TEST_CASE("both libraries give the same bytes, and each opens the other's") {
  SeededRandom random(1);
  for (int round = 0; round < 300; ++round) {
    const Bytes key = random.bytes(kKeyBytes);
    const Bytes nonce = random.bytes(kNonceBytes);
    const Bytes associated = random.bytes(random.below(80));
    const Bytes plain = random.bytes(random.below(round % 10 == 0 ? 200000 : 600));
    Bytes sealed(plain.size() + kTagBytes);
    REQUIRE(seal(key, nonce, associated, plain, sealed));
    REQUIRE(sealed == seal_by_libsodium(key, nonce, associated, plain));
    Bytes opened(plain.size());
    REQUIRE(open(key, nonce, associated, sealed, opened));
    REQUIRE(opened == plain);
  }
}

TEST_CASE("sealing and opening in place") {
  SeededRandom random(2);
  const Bytes key = random.bytes(kKeyBytes);
  const Bytes nonce = random.bytes(kNonceBytes);
  const Bytes plain = random.bytes(5000);
  Bytes buffer = plain;
  buffer.resize(plain.size() + kTagBytes);
  REQUIRE(seal(key, nonce, {}, ByteView(buffer).first(plain.size()), buffer));
  CHECK(buffer == seal_by_libsodium(key, nonce, {}, plain));
  REQUIRE(open(key, nonce, {}, buffer, std::span(buffer).first(plain.size())));
  CHECK(Bytes(buffer.begin(), buffer.begin() + 5000) == plain);
}

TEST_CASE("every flipped bit of key, nonce, associated data, text and tag is found, and nothing leaks") {
  SeededRandom random(3);
  Bytes parts[4] = {random.bytes(kKeyBytes), random.bytes(kNonceBytes), random.bytes(13), Bytes(37 + kTagBytes)};
  const Bytes plain = random.bytes(37);
  REQUIRE(seal(parts[0], parts[1], parts[2], plain, parts[3]));
  for (Bytes& part : parts) {
    for (std::size_t bit = 0; bit < part.size() * 8; ++bit) {
      const auto mask = static_cast<std::byte>(1U << (bit % 8));
      part[bit / 8] ^= mask;
      Bytes opened(plain.size(), std::byte{0xaa});
      const auto result = open(parts[0], parts[1], parts[2], parts[3], opened);
      REQUIRE_FALSE(result.ok());
      REQUIRE(result.error().code() == ErrorCode::corrupt);
      REQUIRE(result.error().message() == "authentication failed");
      REQUIRE(is_zero(opened));
      part[bit / 8] ^= mask;
    }
  }
  Bytes opened(plain.size());
  CHECK(open(parts[0], parts[1], parts[2], parts[3], opened));
  CHECK(opened == plain);
}

TEST_CASE("wrong sizes are refused") {
  Bytes key(kKeyBytes), nonce(kNonceBytes), out(26);
  const Bytes plain(10);
  CHECK(seal(key, nonce, {}, plain, out).ok());
  CHECK(seal(ByteView(key).first(31), nonce, {}, plain, out).error().code() == ErrorCode::invalid_argument);
  CHECK(seal(key, ByteView(nonce).first(12), {}, plain, out).error().code() == ErrorCode::invalid_argument);
  CHECK(seal(key, nonce, {}, plain, std::span(out).first(25)).error().code() == ErrorCode::invalid_argument);
  CHECK(open(key, nonce, {}, ByteView(out).first(15), {}).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("sealed bytes carry a random nonce") {
  SeededRandom random(4);
  const Bytes key = random.bytes(kKeyBytes);
  const Bytes a = seal_bytes(key, as_bytes("ad"), as_bytes("plain"), random).value();
  const Bytes b = seal_bytes(key, as_bytes("ad"), as_bytes("plain"), random).value();
  CHECK(a.size() == 5 + kNonceBytes + kTagBytes);
  CHECK(a != b);
  CHECK(as_text(open_bytes(key, as_bytes("ad"), a).value()) == "plain");
  CHECK(open_bytes(key, as_bytes("da"), a).error().code() == ErrorCode::corrupt);
  for (std::size_t size = 0; size < a.size(); ++size) {
    REQUIRE(open_bytes(key, as_bytes("ad"), ByteView(a).first(size)).error().code() == ErrorCode::corrupt);
  }
  const Bytes empty = seal_bytes(key, {}, {}, random).value();
  CHECK(open_bytes(key, {}, empty).value().empty());
}
