// What an unfinished backup left. The first byte chooses: the checkpoint after its seal was opened, or the sealed
// object.
#include "format/checkpoint.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes = fuzz::view(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    const auto checkpoint = format::decode_checkpoint(bytes);
    if (checkpoint) fuzz::require(fuzz::same(format::encode_checkpoint(*checkpoint), bytes));
  } else {
    const auto object = format::decode_sealed_object(bytes);
    if (object) fuzz::require(fuzz::same(format::encode_sealed_object(*object), bytes));
  }
  return 0;
}
