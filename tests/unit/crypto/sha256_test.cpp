#include "crypto/sha256.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <vector>

#include "testing/hex.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::crypto;
using drkit::testing::SeededRandom;
using drkit::testing::to_hex;

namespace {

std::vector<bool> paths() {
  if (sha256_dual_available()) return {false, true};
  return {false};
}

Digest by_libsodium(ByteView bytes) {
  Digest digest;
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()),
                     reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return digest;
}

Digest by_evp(ByteView bytes) {
  Digest digest;
  auto* out = reinterpret_cast<unsigned char*>(digest.data());
  EVP_Digest(bytes.data(), bytes.size(), out, nullptr, EVP_sha256(), nullptr);
  return digest;
}

// Cuts the data at random places and compares every chunk's digest and the file's with one-shot hashing.
void check_split(SeededRandom& random, ByteView data, bool use_dual, std::uint64_t granule) {
  ChunkedSha256 hash(use_dual);
  std::size_t at = 0;
  while (at < data.size()) {
    const std::size_t size = std::min<std::size_t>(data.size() - at, (1 + random.below(40)) * granule);
    const ByteView chunk = data.subspan(at, size);
    REQUIRE(hash.update(chunk) == by_evp(chunk));
    at += size;
    REQUIRE(hash.position() == at);
  }
  REQUIRE(hash.finish() == by_evp(data));
  CHECK(hash.position() == 0);
}

}  // namespace

TEST_CASE("sha-256 gives the answers of FIPS 180-4") {
  CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256(as_bytes("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a hash can be used again, and copied midway") {
  Sha256 hash;
  hash.update(as_bytes("ab"));
  Sha256 copy = hash;
  hash.update(as_bytes("x"));
  CHECK(hash.finish() == sha256(as_bytes("abx")));
  copy.update(as_bytes("c"));
  CHECK(copy.finish() == sha256(as_bytes("abc")));
  copy.update(as_bytes("a"));
  copy.update(as_bytes("bc"));
  CHECK(copy.finish() == sha256(as_bytes("abc")));
  CHECK(copy.finish() == sha256({}));
}

TEST_CASE("one-shot hashing agrees with libsodium and EVP") {
  SeededRandom random(1);
  for (std::size_t size = 0; size < 300; ++size) {
    const Bytes data = random.bytes(size);
    REQUIRE(sha256(data) == by_libsodium(data));
    REQUIRE(sha256(data) == by_evp(data));
  }
}

TEST_CASE("chunks and file hash as if hashed apart, whatever the sizes and the path") {
  for (const bool use_dual : paths()) {
    CAPTURE(use_dual);
    SeededRandom random(2);
    for (int round = 0; round < 120; ++round) {
      const Bytes data = random.bytes(random.below(20000));
      const std::size_t misaligned = std::min<std::size_t>(random.below(9), data.size());
      constexpr std::array<std::uint64_t, 5> kGranules = {1, 13, 64, 64, 192};
      check_split(random, ByteView(data).subspan(misaligned), use_dual, kGranules[random.below(kGranules.size())]);
    }
  }
}

TEST_CASE("a file may switch between aligned and unaligned positions") {
  for (const bool use_dual : paths()) {
    SeededRandom random(3);
    const Bytes data = random.bytes(4096);
    ChunkedSha256 hash(use_dual);
    std::size_t at = 0;
    for (const std::size_t size : {64UL, 128UL, 7UL, 100UL, 21UL, 640UL, 0UL, 1UL, 63UL, 320UL}) {
      const ByteView chunk = ByteView(data).subspan(at, size);
      REQUIRE(hash.update(chunk) == sha256(chunk));
      at += size;
    }
    CHECK(hash.finish() == sha256(ByteView(data).first(at)));
  }
}

TEST_CASE("holes count as zeros, also at the start and between chunks") {
  for (const bool use_dual : paths()) {
    for (const std::uint64_t hole : {std::uint64_t{1}, std::uint64_t{64}, std::uint64_t{100000}}) {
      SeededRandom random(hole);
      const Bytes data = random.bytes(1000);
      Bytes whole(hole);
      whole.insert(whole.end(), data.begin(), data.end());
      whole.resize(whole.size() + hole);
      ChunkedSha256 hash(use_dual);
      hash.update_zeros(hole);
      CHECK(hash.update(data) == sha256(data));
      hash.update_zeros(hole);
      CHECK(hash.finish() == sha256(whole));
    }
  }
}

TEST_CASE("reset forgets the file; an empty file has the empty digest") {
  ChunkedSha256 hash;
  (void)hash.update(as_bytes("to be forgotten"));
  hash.reset();
  CHECK(hash.position() == 0);
  CHECK(hash.finish() == sha256({}));
}

TEST_CASE("lengths beyond 2^32 bits are counted") {
  ChunkedSha256 hash;
  hash.update_zeros((std::uint64_t{1} << 29) + 3);  // 512 MiB: the low word of the bit count wraps
  const Digest digest = hash.finish();
  Sha256 reference;
  const Bytes zeros(1 << 20);
  for (int i = 0; i < 512; ++i) reference.update(zeros);
  reference.update(ByteView(zeros).first(3));
  CHECK(digest == reference.finish());
}

TEST_CASE("two buffers hashed together hash as if hashed apart") {
  SeededRandom random(21);
  for (const std::size_t size : {0, 1, 63, 64, 65, 1000, 8192, 1 << 20}) {
    CAPTURE(size);
    const Bytes first = random.bytes(size), second = random.bytes(size);
    const std::array<Digest, 2> expected{by_evp(first), by_evp(second)};
    CHECK(sha256_pair(first, second) == expected);
    CHECK(sha256_pair(second, first) == std::array<Digest, 2>{expected[1], expected[0]});
    CHECK(sha256_pair(first, first) == std::array<Digest, 2>{expected[0], expected[0]});
    const Bytes longer = random.bytes(size + 1);
    CHECK(sha256_pair(first, longer) == std::array<Digest, 2>{expected[0], by_evp(longer)});
  }
}
