// The first byte chooses the kind, the rest is an object as a storage could give it.
#include "format/common.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto kind = static_cast<format::Kind>(data[0]);
  const ByteView object = fuzz::view(data + 1, size - 1);
  if (const auto payload = format::unwrap_envelope(kind, object)) {
    fuzz::require(fuzz::same(format::wrap_envelope(kind, *payload), object));
  }
  // The checksum keeps a fuzzer outside: so the input also serves as payload, and one flipped bit must be noticed.
  Bytes wrapped = format::wrap_envelope(kind, object);
  const auto payload = format::unwrap_envelope(kind, wrapped);
  fuzz::require(payload.ok() && fuzz::same(*payload, object));
  wrapped[data[size - 1] % wrapped.size()] ^= std::byte{0x10};
  fuzz::require(!format::unwrap_envelope(kind, wrapped).ok());
  return 0;
}
