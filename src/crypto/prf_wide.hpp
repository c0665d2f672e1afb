// The PRF with VAES instructions. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace drkit::crypto {

inline constexpr std::size_t kRoundKeyBytes = 11 * 16;

bool prf_wide_supported();

/// REQUIRES (both): prf_wide_supported().
void prf_wide_expand(const std::byte* key, std::byte* round_keys);
/// Index of the first group of 16 inputs with an F(input) < threshold, times 16; at least inputs.size() / 16 * 16 when
/// there is none: the caller looks at the rest, and into the group.
std::size_t prf_wide_find(const std::byte* round_keys, std::span<const std::uint64_t> inputs, std::uint32_t threshold);

}  // namespace drkit::crypto
