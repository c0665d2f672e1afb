// ChunkSource: where the nodes of a manifest come from.
#pragma once

#include <drkit/context.hpp>
#include <drkit/result.hpp>

#include "crypto/chunk_id.hpp"
#include "format/pack.hpp"

namespace drkit::repo {

class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  /// One chunk, whole and verified. Errors: corrupt when there is no good copy.
  virtual Result<Bytes> read(const Context& ctx, format::PackType type, const crypto::ChunkId& id) = 0;
};

}  // namespace drkit::repo
