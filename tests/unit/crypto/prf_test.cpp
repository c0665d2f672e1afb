#include "crypto/prf.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <vector>

#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::crypto;
using drkit::testing::SeededRandom;

namespace {

std::vector<bool> paths() {
  if (prf_wide_available()) return {false, true};
  return {false};
}

// One AES block through libcrypto, spelled out.
std::uint32_t reference(const Bytes& key, std::uint64_t input) {
  unsigned char block[16] = {};
  for (int i = 0; i < 8; ++i) block[i] = static_cast<unsigned char>(input >> (8 * i));
  unsigned char out[32];
  int written = 0;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), nullptr, reinterpret_cast<const unsigned char*>(key.data()), nullptr);
  EVP_EncryptUpdate(context, out, &written, block, 16);
  EVP_CIPHER_CTX_free(context);
  return out[0] | static_cast<std::uint32_t>(out[1]) << 8 | static_cast<std::uint32_t>(out[2]) << 16 |
         static_cast<std::uint32_t>(out[3]) << 24;
}

}  // namespace

TEST_CASE("the first value below the threshold is found, exactly, on every path") {
  SeededRandom random(1);
  for (int round = 0; round < 60; ++round) {
    const Bytes key = random.bytes(16);
    std::vector<std::uint64_t> inputs(random.below(1300));
    for (auto& input : inputs) input = random.below(~std::uint64_t{0});
    const auto threshold = static_cast<std::uint32_t>(random.below(std::uint64_t{1} << (20 + random.below(13))));
    std::size_t expected = 0;
    while (expected < inputs.size() && reference(key, inputs[expected]) >= threshold) ++expected;
    for (const bool use_wide : paths()) {
      CAPTURE(use_wide);
      BlockPrf prf(Secret::copy_of(key), use_wide);
      REQUIRE(prf.find_below(inputs, threshold) == expected);
    }
  }
}

TEST_CASE("the threshold is exclusive, zero finds nothing and the largest finds the first") {
  const Bytes key(16, std::byte{5});
  const std::vector<std::uint64_t> inputs(40, 7);
  const std::uint32_t value = reference(key, 7);
  for (const bool use_wide : paths()) {
    BlockPrf prf(Secret::copy_of(key), use_wide);
    CHECK(prf.find_below(inputs, value) == inputs.size());
    CHECK(prf.find_below(inputs, value + 1) == 0);
    CHECK(prf.find_below(inputs, 0) == inputs.size());
    CHECK(prf.find_below(inputs, 0xffffffff) == 0);
    CHECK(prf.find_below({}, 0xffffffff) == 0);
  }
}

TEST_CASE("a key of a wrong size is replaced by a random one") {
  const std::vector<std::uint64_t> inputs = {1, 2, 3, 4, 5, 6, 7, 8};
  BlockPrf a{Secret()};
  BlockPrf b{Secret()};
  bool differ = false;
  for (std::uint32_t threshold = 1U << 20; threshold != 0; threshold += 1U << 20) {
    differ = differ || a.find_below(inputs, threshold) != b.find_below(inputs, threshold);
  }
  CHECK(differ);
}
