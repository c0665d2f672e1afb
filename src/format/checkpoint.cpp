#include "format/checkpoint.hpp"

#include "base/byte_io.hpp"

namespace drkit::format {

Bytes encode_checkpoint(const Checkpoint& checkpoint) {
  base::ByteWriter out;
  out.i64(checkpoint.time_ns);
  out.text(checkpoint.source_kind);
  out.text(checkpoint.source_name);
  out.text(checkpoint.host);
  out.raw(checkpoint.manifest_root);
  out.varint(checkpoint.manifest_level);
  return out.take();
}

Result<Checkpoint> decode_checkpoint(ByteView plain) {
  base::ByteReader in(plain);
  Checkpoint checkpoint;
  checkpoint.time_ns = in.i64();
  checkpoint.source_kind = in.text();
  checkpoint.source_name = in.text();
  checkpoint.host = in.text();
  checkpoint.manifest_root = in.array<32>();
  checkpoint.manifest_level = static_cast<unsigned>(in.varint_upto(255));
  if (!in.done()) return corrupt("checkpoint", "is damaged");
  return checkpoint;
}

Bytes encode_sealed_object(const SealedObject& object) {
  base::ByteWriter out;
  out.u32(object.content_key.generation);
  out.raw(object.content_key.sealed);
  out.raw(object.sealed);
  return out.take();
}

Result<SealedObject> decode_sealed_object(ByteView payload) {
  base::ByteReader in(payload);
  SealedObject object;
  object.content_key.generation = in.u32();
  object.content_key.sealed = in.array<kSealedKeyBytes>();
  const ByteView sealed = in.raw(in.left());
  if (!in.done()) return corrupt("object", "is damaged");
  object.sealed.assign(sealed.begin(), sealed.end());
  return object;
}

}  // namespace drkit::format
