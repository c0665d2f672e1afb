#include "systems/postgres/crc32c.hpp"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace drkit::systems::postgres {
namespace {

static_assert(std::endian::native == std::endian::little);

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[k][b] is what byte b does to the remainder k bytes later: eight bytes go through at once.
constexpr Table make_tables() {
  constexpr std::uint32_t kReversedPolynomial = 0x82F63B78;
  Table tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? kReversedPolynomial : 0);
    tables[0][byte] = remainder;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Table kTables = make_tables();

}  // namespace

std::uint32_t crc32c_portable(std::uint32_t state, ByteView bytes) {
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    word ^= state;
    state = 0;
    for (unsigned k = 0; k < 8; ++k) state ^= kTables[7 - k][word >> (8 * k) & 0xFF];
  }
  for (const std::byte byte : bytes) {
    state = state >> 8 ^ kTables[0][(state ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
  }
  return state;
}

#if defined(__x86_64__)

bool crc32c_has_instruction() { return __builtin_cpu_supports("sse4.2") != 0; }

[[gnu::target("sse4.2")]] std::uint32_t crc32c_instruction(std::uint32_t state, ByteView bytes) {
  std::uint64_t wide = state;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    wide = _mm_crc32_u64(wide, word);
  }
  state = static_cast<std::uint32_t>(wide);
  for (const std::byte byte : bytes) state = _mm_crc32_u8(state, std::to_integer<unsigned char>(byte));
  return state;
}

#else

bool crc32c_has_instruction() { return false; }
std::uint32_t crc32c_instruction(std::uint32_t state, ByteView bytes) { return crc32c_portable(state, bytes); }

#endif

void Crc32c::update(ByteView bytes) {
  static const bool fast = crc32c_has_instruction();
  state_ = fast ? crc32c_instruction(state_, bytes) : crc32c_portable(state_, bytes);
}

}  // namespace drkit::systems::postgres
