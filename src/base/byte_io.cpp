#include "base/byte_io.hpp"

// Out of line: inlined growth of a byte vector makes GCC 12 warn of overflows that cannot be.
namespace drkit::base {

void ByteWriter::raw(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

void ByteWriter::fixed(std::uint64_t value, int count) {
  for (int i = 0; i < count; ++i) u8(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace drkit::base
