// Tails of the log: whatever the bytes, the pieces are whole, follow each other and lie within them.
#include "format/wal.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = fuzz::view(data, size);
  const auto tail = format::decode_wal_tail(bytes);
  if (!tail) return 0;
  fuzz::require(tail->end <= bytes.size() && !(tail->clean_end && tail->more_after));
  Bytes again = tail->end == 0 ? Bytes() : format::encode_wal_tail_head();
  for (const format::WalTailPiece& piece : tail->pieces) {
    fuzz::require(format::unwrap_envelope(format::Kind::wal, piece.object).ok());
    const Bytes lead = format::encode_wal_tail_lead(piece.plain_bytes, piece.object.size());
    again.insert(again.end(), lead.begin(), lead.end());
    again.insert(again.end(), piece.object.begin(), piece.object.end());
  }
  fuzz::require(fuzz::same(again, bytes.first(tail->end)));
  return 0;
}
