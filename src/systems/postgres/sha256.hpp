// SHA-256 of small things (backup manifests). Files are hashed by the engine with a faster implementation; this one
// exists because a driver includes no cryptographic library.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <drkit/entry.hpp>
#include <drkit/result.hpp>

namespace drkit::systems::postgres {

class Sha256 {
 public:
  void update(ByteView bytes);
  Sha256Digest finish();

 private:
  void block(const std::byte* bytes);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> pending_{};
  std::uint64_t total_ = 0;
};

/// Lower-case hexadecimal.
std::string to_hex(ByteView bytes);

}  // namespace drkit::systems::postgres
