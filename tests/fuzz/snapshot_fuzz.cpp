// The first byte chooses: the object's payload, its public part, or its private part. JSON has many texts for one
// value, so of those it is the value that must come back.
#include "format/snapshot.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

namespace {

template <class Decode, class Encode>
void check_json(ByteView bytes, Decode decode, Encode encode) {
  const auto value = decode(bytes);
  if (!value) return;
  const Bytes once = encode(*value);
  const auto again = decode(once);
  fuzz::require(again.ok() && fuzz::same(encode(*again), once));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes = fuzz::view(data + 1, size - 1);
  if (data[0] % 3 == 0) {
    const auto object = format::decode_snapshot(bytes);
    if (object) fuzz::require(fuzz::same(format::encode_snapshot(*object), bytes));
  } else if (data[0] % 3 == 1) {
    check_json(bytes, format::decode_snapshot_public, format::encode_snapshot_public);
  } else {
    check_json(bytes, format::decode_snapshot_private, format::encode_snapshot_private);
  }
  return 0;
}
