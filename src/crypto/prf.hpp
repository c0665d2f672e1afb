// BlockPrf: a pseudo-random function of 64-bit values, fast in batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <drkit/secret.hpp>

namespace drkit::crypto {

/// Whether this CPU has the wide AES instructions of the fast path.
bool prf_wide_available();

/// F(x) = the first four bytes, little-endian, of AES-128(key, x as 8 little-endian bytes || 8 zero bytes).
/// Thread-safety: one thread at a time.
class BlockPrf {
 public:
  static constexpr std::size_t kKeyBytes = 16;

  /// REQUIRES: ready() succeeded, key of 16 bytes (else a random key is used). use_wide is for tests; true REQUIRES
  /// prf_wide_available().
  explicit BlockPrf(const Secret& key, bool use_wide = prf_wide_available());
  ~BlockPrf();
  BlockPrf(BlockPrf&&) noexcept;
  BlockPrf& operator=(BlockPrf&&) noexcept;

  /// Index of the first input with F(input) < threshold; inputs.size() when there is none.
  std::size_t find_below(std::span<const std::uint64_t> inputs, std::uint32_t threshold);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drkit::crypto
