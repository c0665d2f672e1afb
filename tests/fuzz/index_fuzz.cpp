// An index segment after its seal was opened.
#include "format/pack.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = fuzz::view(data, size);
  const auto segment = format::decode_index(bytes);
  if (!segment) return 0;
  for (const format::PackInfo& pack : segment->packs) {
    std::uint64_t end = format::kPackHeaderBytes;
    for (const format::FrameEntry& frame : pack.directory) end += frame.sealed_bytes;
    fuzz::require(end <= pack.size_bytes && pack.size_bytes <= format::kMaxPackBytes);
  }
  fuzz::require(fuzz::same(format::encode_index(*segment), bytes));
  return 0;
}
