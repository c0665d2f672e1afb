#include "crypto/chunk_id.hpp"

#include <sodium.h>

#include "crypto/evp.hpp"
#include "crypto/random.hpp"

namespace drkit::crypto {

ChunkId chunk_id(const Secret& id_key, const Digest& sha256_of_chunk) {
  ChunkId id{};
  if (id_key.size() != 32) {
    // An unkeyed id would tell the storage what is stored; a random one only fails to deduplicate.
    system_random().fill(id);
    return id;
  }
  crypto_generichash(as_uchar(id.data()), id.size(), as_uchar(sha256_of_chunk.data()), sha256_of_chunk.size(),
                     as_uchar(id_key.view().data()), id_key.size());
  return id;
}

}  // namespace drkit::crypto
