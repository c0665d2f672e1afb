// Two SHA-256 states side by side, with the x86 SHA extensions.
//
// One state alone leaves the CPU half idle: each SHA256RNDS2 waits for the one before it. Two independent chains fill
// each other's waits, and two that eat the same blocks share the message schedule as well. What the instructions
// compute, and where they expect the eight state words to lie, is in Gulley et al., "Intel SHA Extensions" (Intel, July
// 2013); the algorithm is FIPS 180-4.
#include "crypto/sha256_dual.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

#include <utility>

#define DRKIT_SHA_TARGET __attribute__((target("sha,sse4.1")))

namespace drkit::crypto {
namespace {

alignas(16) constexpr std::uint32_t kRoundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The round instruction wants the words as two registers: a b e f and c d g h, first word highest.
struct Lanes {
  __m128i abef;
  __m128i cdgh;
};

DRKIT_SHA_TARGET inline __attribute__((always_inline)) Lanes load(const std::uint32_t* words) {
  const auto word = [words](int i) { return static_cast<int>(words[i]); };
  return {_mm_set_epi32(word(0), word(1), word(4), word(5)), _mm_set_epi32(word(2), word(3), word(6), word(7))};
}

DRKIT_SHA_TARGET inline __attribute__((always_inline)) void store(const Lanes& lanes, std::uint32_t* words) {
  alignas(16) std::uint32_t abef[4];
  alignas(16) std::uint32_t cdgh[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(abef), lanes.abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(cdgh), lanes.cdgh);
  words[0] = abef[3], words[1] = abef[2], words[4] = abef[1], words[5] = abef[0];
  words[2] = cdgh[3], words[3] = cdgh[2], words[6] = cdgh[1], words[7] = cdgh[0];
}

// Four rounds. Each instruction does two and answers the new a b e f; the old one is the new c d g h, so that the two
// registers swap their parts twice.
DRKIT_SHA_TARGET inline __attribute__((always_inline)) void four_rounds(Lanes& lanes, __m128i words) {
  lanes.cdgh = _mm_sha256rnds2_epu32(lanes.cdgh, lanes.abef, words);
  lanes.abef = _mm_sha256rnds2_epu32(lanes.abef, lanes.cdgh, _mm_shuffle_epi32(words, 0x0e));
}

struct Message {
  __m128i words[4];  ///< the last sixteen words of the schedule
};

DRKIT_SHA_TARGET inline __attribute__((always_inline)) Message load_block(const std::byte* block) {
  const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  const auto* source = reinterpret_cast<const __m128i*>(block);
  Message message;
  for (int i = 0; i < 4; ++i) message.words[i] = _mm_shuffle_epi8(_mm_loadu_si128(source + i), big_endian);
  return message;
}

// The schedule's words 4*kGroup to 4*kGroup+3; from the fifth group on they replace the oldest four.
template <std::size_t kGroup>
DRKIT_SHA_TARGET inline __attribute__((always_inline)) __m128i next_words(Message& message) {
  __m128i& now = message.words[kGroup % 4];
  if constexpr (kGroup >= 4) {
    const __m128i& newest = message.words[(kGroup + 3) % 4];
    const __m128i& before = message.words[(kGroup + 2) % 4];
    now = _mm_sha256msg1_epu32(now, message.words[(kGroup + 1) % 4]);
    now = _mm_add_epi32(now, _mm_alignr_epi8(newest, before, 4));
    now = _mm_sha256msg2_epu32(now, newest);
  }
  const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kRoundConstants + 4 * kGroup));
  return _mm_add_epi32(now, constants);
}

template <bool kShared, std::size_t... kGroups>
DRKIT_SHA_TARGET inline __attribute__((always_inline)) void all_rounds(Lanes& a, Lanes& b, Message of_a, Message of_b,
                                                                       std::index_sequence<kGroups...>) {
  __m128i words;
  ((words = next_words<kGroups>(of_a), four_rounds(a, words), words = kShared ? words : next_words<kGroups>(of_b),
    four_rounds(b, words)),
   ...);
}

DRKIT_SHA_TARGET inline __attribute__((always_inline)) Lanes sum(const Lanes& a, const Lanes& b) {
  return {_mm_add_epi32(a.abef, b.abef), _mm_add_epi32(a.cdgh, b.cdgh)};
}

template <bool kShared>
DRKIT_SHA_TARGET void run(std::uint32_t* a, std::uint32_t* b, const std::byte* blocks, std::size_t lead,
                          std::size_t block_count) {
  Lanes first = load(a);
  Lanes second = load(b);
  for (; block_count > 0; --block_count, blocks += 64) {
    const Lanes first_before = first;
    const Lanes second_before = second;
    const Message of_first = load_block(blocks);
    const Message of_second = kShared ? of_first : load_block(blocks + lead);
    all_rounds<kShared>(first, second, of_first, of_second, std::make_index_sequence<16>{});
    first = sum(first, first_before);
    second = sum(second, second_before);
  }
  store(first, a);
  store(second, b);
}

}  // namespace

bool sha256_dual_supported() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  const bool has_sha = (ebx & (1U << 29)) != 0;
  return has_sha && __builtin_cpu_supports("sse4.1");
}

void sha256_dual(std::uint32_t* a, std::uint32_t* b, const std::byte* blocks, std::size_t lead,
                 std::size_t block_count) {
  if (lead == 0) {
    run<true>(a, b, blocks, lead, block_count);
  } else {
    run<false>(a, b, blocks, lead, block_count);
  }
}

}  // namespace drkit::crypto

#else

namespace drkit::crypto {

bool sha256_dual_supported() { return false; }
void sha256_dual(std::uint32_t*, std::uint32_t*, const std::byte*, std::size_t, std::size_t) {}

}  // namespace drkit::crypto

#endif
