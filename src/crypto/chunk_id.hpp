// ChunkId: the name under which a chunk is deduplicated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <drkit/secret.hpp>

#include "crypto/sha256.hpp"

namespace drkit::crypto {

using ChunkId = std::array<std::byte, 32>;

/// BLAKE2b-256 of the chunk's SHA-256, keyed: without the key an id says nothing about contents, not even whether a
/// known file is there. REQUIRES: id_key of 32 bytes; any other size gives a random id, never an unkeyed one.
ChunkId chunk_id(const Secret& id_key, const Digest& sha256_of_chunk);
/// As above, and ids of different domains never meet: the domain goes before the SHA-256.
ChunkId chunk_id(const Secret& id_key, std::uint8_t domain, const Digest& sha256_of_chunk);

}  // namespace drkit::crypto
