// Log objects of the repository. The first byte chooses the part: name, header, payload or head.
#include "format/wal.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes = fuzz::view(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (const auto name = format::decode_wal_name(bytes)) {
        fuzz::require(fuzz::same(format::encode_wal_name(*name), bytes) && name->timeline != 0);
      }
      break;
    case 1:
      if (const auto header = format::decode_wal_header(bytes)) {
        fuzz::require(fuzz::same(format::encode_wal_header(*header), bytes));
        fuzz::require(header->facts.restore_points.size() <= format::kMaxWalRestorePoints);
      }
      break;
    case 2:
      if (const auto payload = format::decode_wal_payload(bytes)) {
        fuzz::require(payload->sealed_header.size() + payload->sealed_body.size() < bytes.size());
      }
      break;
    default:
      if (const auto head = format::decode_wal_head(bytes)) {
        fuzz::require(head->sealed_header.empty() || head->wanted <= bytes.size());
      }
  }
  return 0;
}
