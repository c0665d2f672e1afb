// Codec, then the plain length as three bytes, then what a frame would hold.
#include "base/byte_io.hpp"
#include "codec/codec.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const auto codec = static_cast<codec::CodecId>(data[0]);
  const std::size_t plain_bytes = data[1] | std::size_t{data[2]} << 8 | std::size_t{data[3] & 0x0fU} << 16;
  const ByteView encoded = fuzz::view(data + 4, size - 4);
  Bytes plain(plain_bytes, std::byte{0xee});
  static codec::Decoder decoder;
  const auto first = decoder.decode(codec, encoded, plain);
  fuzz::require(decoder.memory_bytes() < (std::size_t{8} << 20));
  if (first.ok()) {
    Bytes again(plain_bytes);
    fuzz::require(codec::decode(codec, encoded, again).ok() && plain == again);
  }
  // The same bytes as plain text: what was encoded comes back.
  static codec::Encoder encoder;
  Bytes out;
  const auto made = encoder.encode(encoded, data[0] % 4, out);
  fuzz::require(made.ok());
  Bytes back(encoded.size());
  fuzz::require(decoder.decode(made->codec, made->bytes, back).ok() && fuzz::same(back, encoded));
  return 0;
}
