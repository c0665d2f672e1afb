// AES-128 of many 64-bit inputs with the x86 AES and VAES instructions; the test holds it equal to libcrypto's AES.
// Made for the chunker, which needs one AES block for every byte of input and one comparison from each.
#include "crypto/prf_wide.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

#define DRKIT_AES_TARGET __attribute__((target("aes,sse4.1")))
#define DRKIT_VAES_TARGET __attribute__((target("aes,vaes,avx2")))

namespace drkit::crypto {
namespace {

constexpr std::size_t kGroup = 16;
constexpr int kRegisters = 8;  // of two blocks each

// One step of FIPS 197's key expansion: word i is word i-4 xor word i-1, the first of four with the substituted one.
DRKIT_AES_TARGET inline __attribute__((always_inline)) __m128i next_round_key(__m128i key, __m128i assist) {
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

// The instruction takes its round constant as an immediate: hence template arguments.
template <int... kRoundConstants>
DRKIT_AES_TARGET inline __attribute__((always_inline)) void expand(__m128i key, __m128i* out) {
  _mm_storeu_si128(out, key);
  ((key = next_round_key(key, _mm_aeskeygenassist_si128(key, kRoundConstants)), _mm_storeu_si128(++out, key)), ...);
}

}  // namespace

bool prf_wide_supported() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  const bool has_vaes = (ecx & (1U << 9)) != 0;
  return has_vaes && __builtin_cpu_supports("aes") && __builtin_cpu_supports("avx2");
}

DRKIT_AES_TARGET void prf_wide_expand(const std::byte* key, std::byte* round_keys) {
  const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(key));
  expand<0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36>(first, reinterpret_cast<__m128i*>(round_keys));
}

DRKIT_VAES_TARGET std::size_t prf_wide_find(const std::byte* round_keys, std::span<const std::uint64_t> inputs,
                                            std::uint32_t threshold) {
  if (threshold == 0) return inputs.size();
  __m256i keys[11];
  for (int i = 0; i < 11; ++i) {
    keys[i] = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(round_keys) + i));
  }
  const __m256i zero = _mm256_setzero_si256();
  const __m256i largest = _mm256_set1_epi32(static_cast<int>(threshold - 1));
  const __m256i first_words = _mm256_set_epi32(0, 0, 0, -1, 0, 0, 0, -1);
  std::size_t at = 0;
  for (; at + kGroup <= inputs.size(); at += kGroup) {
    __m256i block[kRegisters];
    for (int i = 0; i < kRegisters / 2; ++i) {
      const __m256i four = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(inputs.data() + at) + i);
      block[2 * i] = _mm256_xor_si256(_mm256_unpacklo_epi64(four, zero), keys[0]);
      block[2 * i + 1] = _mm256_xor_si256(_mm256_unpackhi_epi64(four, zero), keys[0]);
    }
    for (int round = 1; round < 10; ++round) {
      for (int i = 0; i < kRegisters; ++i) block[i] = _mm256_aesenc_epi128(block[i], keys[round]);
    }
    __m256i hits = zero;
    for (int i = 0; i < kRegisters; ++i) {
      const __m256i value = _mm256_aesenclast_epi128(block[i], keys[10]);
      hits = _mm256_or_si256(hits, _mm256_cmpeq_epi32(_mm256_min_epu32(value, largest), value));
    }
    if (_mm256_testz_si256(hits, first_words) == 0) return at;
  }
  return at;
}

}  // namespace drkit::crypto

#else

namespace drkit::crypto {

bool prf_wide_supported() { return false; }
void prf_wide_expand(const std::byte*, std::byte*) {}
std::size_t prf_wide_find(const std::byte*, std::span<const std::uint64_t>, std::uint32_t) { return 0; }

}  // namespace drkit::crypto

#endif
