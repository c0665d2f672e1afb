// proof: reads whole objects piece by piece, and tells whether they are what they must be.
#pragma once

#include <drkit/spi/storage.hpp>

#include "base/mapped_bytes.hpp"
#include "crypto/sha256.hpp"

namespace drkit::storage::mirror {

/// What an object came to that was read from its beginning to its end.
struct Proof {
  crypto::Digest digest{};  ///< of all its bytes
  bool right = false;  ///< its key, or its last 32 bytes, are the digest: so it is with all objects of repositories
};

/// Reads the object and keeps no more of it than a piece, except in `whole` when that is given, which must be empty.
/// Errors: out_of_memory, and the storage's.
Result<Proof> prove(const Context& ctx, Storage& storage, std::string_view key, base::MappedBytes* whole = nullptr);

/// The bytes have the digest that is their key, or that is their last 32 bytes.
bool proves_itself(std::string_view key, ByteView bytes);
/// The key is a digest and not that of the bytes.
bool disproved(std::string_view key, ByteView bytes);

}  // namespace drkit::storage::mirror
