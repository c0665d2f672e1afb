// The first byte chooses: a key slot's payload, the config's, or a key set after its seal was opened.
#include "crypto/sodium.hpp"
#include "format/keys.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool ready = crypto::ready().ok();
  fuzz::require(ready);
  if (size == 0) return 0;
  const ByteView bytes = fuzz::view(data + 1, size - 1);
  if (data[0] % 3 == 0) {
    const auto slot = format::decode_slot(bytes);
    if (slot) fuzz::require(fuzz::same(format::encode_slot(*slot), bytes));
  } else if (data[0] % 3 == 1) {
    const auto config = format::decode_config(bytes);
    if (config) fuzz::require(fuzz::same(format::encode_config(*config), bytes));
  } else {
    const auto keys = format::decode_key_set(bytes);
    if (keys) fuzz::require(fuzz::same(format::encode_key_set(*keys, keys->role).view(), bytes));
  }
  return 0;
}
