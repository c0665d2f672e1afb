#include "crypto/chunk_id.hpp"

#include <algorithm>

#include <sodium.h>

#include "crypto/evp.hpp"
#include "crypto/random.hpp"

namespace drkit::crypto {

namespace {

ChunkId keyed_hash(const Secret& id_key, ByteView bytes) {
  ChunkId id{};
  if (id_key.size() != 32) {
    // An unkeyed id would tell the storage what is stored; a random one only fails to deduplicate.
    system_random().fill(id);
    return id;
  }
  crypto_generichash(as_uchar(id.data()), id.size(), as_uchar(bytes.data()), bytes.size(),
                     as_uchar(id_key.view().data()), id_key.size());
  return id;
}

}  // namespace

ChunkId chunk_id(const Secret& id_key, const Digest& sha256_of_chunk) { return keyed_hash(id_key, sha256_of_chunk); }

ChunkId chunk_id(const Secret& id_key, std::uint8_t domain, const Digest& sha256_of_chunk) {
  std::array<std::byte, 33> bytes{static_cast<std::byte>(domain)};
  std::copy(sha256_of_chunk.begin(), sha256_of_chunk.end(), bytes.begin() + 1);
  return keyed_hash(id_key, bytes);
}

}  // namespace drkit::crypto
