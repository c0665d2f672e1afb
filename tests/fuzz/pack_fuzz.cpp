// The first byte chooses the part of a pack: header, trailer or directory.
#include "format/pack.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

namespace {

void check_directory(ByteView bytes) {
  if (bytes.size() < 4) return;
  base::ByteReader in(bytes);
  const std::uint32_t frames_bytes = in.u32();
  const auto directory = format::decode_directory(in, frames_bytes);
  if (!directory || !in.done()) return;
  std::uint64_t sealed = 0;
  for (const format::FrameEntry& frame : *directory) {
    sealed += frame.sealed_bytes;
    std::uint64_t plain = 0;
    for (const format::ChunkSlot& chunk : frame.chunks) plain += chunk.plain_bytes;
    fuzz::require(!frame.chunks.empty() && plain == frame.plain_bytes && plain <= format::kMaxFrameBytes);
  }
  fuzz::require(sealed == frames_bytes);
  base::ByteWriter out;
  format::encode_directory(out, *directory);
  fuzz::require(fuzz::same(out.view(), bytes.subspan(4)));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes = fuzz::view(data + 1, size - 1);
  if (data[0] % 3 == 0) {
    const auto header = format::decode_pack_header(bytes);
    if (header) fuzz::require(fuzz::same(format::encode_pack_header(*header), bytes.first(format::kPackHeaderBytes)));
  } else if (data[0] % 3 == 1) {
    const auto length = format::decode_pack_trailer(bytes);
    if (length) fuzz::require(fuzz::same(format::encode_pack_trailer(*length), bytes));
  } else {
    check_directory(bytes);
  }
  return 0;
}
