// Two SHA-256 states over the same blocks. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drkit::crypto {

bool sha256_dual_supported();

/// Advances both states (eight words each) over block_count blocks of 64 bytes.
/// REQUIRES: sha256_dual_supported().
void sha256_dual(std::uint32_t* a, std::uint32_t* b, const std::byte* blocks, std::size_t block_count);

}  // namespace drkit::crypto
