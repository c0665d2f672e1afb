// SeededRandom: the same bytes for the same seed, on every machine.
#pragma once

#include <cstdint>
#include <random>

#include "crypto/random.hpp"

namespace drkit::testing {

/// Thread-safety: one thread at a time.
class SeededRandom final : public crypto::Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}

  void fill(std::span<std::byte> bytes) override {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i % 8 == 0) word = engine_();
      bytes[i] = static_cast<std::byte>(word >> (i % 8 * 8));
    }
  }
  Bytes bytes(std::size_t count) {
    Bytes filled(count);
    fill(filled);
    return filled;
  }
  /// A number from 0 to bound - 1; slightly uneven, which no test minds.
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace drkit::testing
