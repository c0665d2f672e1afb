// Two SHA-256 states over the same bytes. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drkit::crypto {

bool sha256_dual_supported();

/// Advances both states (eight words each) by block_count blocks of 64 bytes: `a` over those at `blocks`, `b` over
/// those that begin `lead` bytes later. With a lead of 0 much of the work is shared. REQUIRES: sha256_dual_supported().
void sha256_dual(std::uint32_t* a, std::uint32_t* b, const std::byte* blocks, std::size_t lead,
                 std::size_t block_count);

}  // namespace drkit::crypto
