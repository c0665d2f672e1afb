// Checkpoint object: what an unfinished backup has stored. Readable by holders of the full role.
#pragma once

#include <string>

#include "format/common.hpp"
#include "format/pack.hpp"

namespace drkit::format {

struct Checkpoint {
  std::int64_t time_ns = 0;
  std::string source_kind;
  std::string source_name;
  std::string host;
  ChunkId manifest_root{};
  unsigned manifest_level = 0;
};
Bytes encode_checkpoint(const Checkpoint& checkpoint);
Result<Checkpoint> decode_checkpoint(ByteView plain);

/// Bytes under a content key, with that key sealed to the data key.
struct SealedObject {
  SealedContentKey content_key;
  Bytes sealed;
};
Bytes encode_sealed_object(const SealedObject& object);
Result<SealedObject> decode_sealed_object(ByteView payload);

}  // namespace drkit::format
