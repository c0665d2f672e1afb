// PostgreSQL's pg_control. Its checksum is put right here, for either layout, so that a fuzzer gets behind it.
#include <cstring>

#include "fuzz/property.hpp"
#include "systems/postgres/control_file.hpp"
#include "systems/postgres/crc32c.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

void read(ByteView bytes) {
  const auto control = parse_control_file(bytes);
  if (!control) return;
  const std::uint64_t segment = control->wal_segment_bytes;
  fuzz::require(segment >= 1U << 20 && segment <= 1U << 30 && (segment & (segment - 1)) == 0);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView given = fuzz::view(data, size);
  read(given);
  for (const std::size_t place : {288U, 292U}) {
    if (size < place + 4) break;
    Bytes bytes(given.begin(), given.end());
    Crc32c crc;
    crc.update(ByteView(bytes).first(place));
    const std::uint32_t value = crc.value();
    std::memcpy(bytes.data() + place, &value, sizeof value);
    read(bytes);
  }
  return 0;
}
