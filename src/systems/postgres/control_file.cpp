#include "systems/postgres/control_file.hpp"

#include <cstring>

#include "systems/postgres/crc32c.hpp"

namespace drkit::systems::postgres {
namespace {

// Byte offsets of the fields, the same for both layouts up to the checksum version; src/include/catalog/pg_control.h.
constexpr std::size_t kSystemId = 0, kControlVersion = 8, kCatalogVersion = 12, kState = 16, kCheckpoint = 32;
constexpr std::size_t kRedo = 40, kTimeline = 48, kBlockBytes = 216, kSegmentPages = 220, kWalSegmentBytes = 228;
constexpr std::size_t kChecksumVersion = 252;
constexpr std::uint32_t kLayout13 = 1300, kLayout17 = 1700, kLayout18 = 1800;
// 18 put one byte in front of the nonce, which moved the CRC to the next multiple of four.
constexpr std::size_t kCrc13 = 288, kCrc18 = 292;

template <class Number>
Number load(ByteView bytes, std::size_t offset) {
  Number value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

Result<ControlFile> parse_control_file(ByteView bytes) {
  if (bytes.size() < kCrc18 + 4) return Error(ErrorCode::corrupt, "pg_control is too short");
  ControlFile control;
  control.control_version = load<std::uint32_t>(bytes, kControlVersion);
  const std::uint32_t layout = control.control_version;
  if (layout != kLayout13 && layout != kLayout17 && layout != kLayout18) {
    return Error(ErrorCode::version_unsupported, "pg_control has an unknown layout")
        .with("version", std::to_string(control.control_version));
  }
  const std::size_t crc_offset = layout == kLayout18 ? kCrc18 : kCrc13;
  Crc32c crc;
  crc.update(bytes.first(crc_offset));
  if (crc.value() != load<std::uint32_t>(bytes, crc_offset)) {
    return Error(ErrorCode::corrupt, "pg_control does not fit its own checksum");
  }
  control.system_id = load<std::uint64_t>(bytes, kSystemId);
  control.catalog_version = load<std::uint32_t>(bytes, kCatalogVersion);
  control.state = load<std::uint32_t>(bytes, kState);
  control.checkpoint = load<std::uint64_t>(bytes, kCheckpoint);
  control.redo = load<std::uint64_t>(bytes, kRedo);
  control.timeline = load<std::uint32_t>(bytes, kTimeline);
  control.block_bytes = load<std::uint32_t>(bytes, kBlockBytes);
  control.segment_pages = load<std::uint32_t>(bytes, kSegmentPages);
  control.wal_segment_bytes = load<std::uint32_t>(bytes, kWalSegmentBytes);
  control.checksum_version = load<std::uint32_t>(bytes, kChecksumVersion);
  if (!is_wal_segment_size(control.wal_segment_bytes)) {
    return Error(ErrorCode::corrupt, "pg_control names an impossible WAL segment size");
  }
  return control;
}

}  // namespace drkit::systems::postgres
