// Layouts: PostgreSQL's src/include/storage/bufpage.h and src/include/access/xlog_internal.h, little-endian servers.
#include <algorithm>
#include <array>

#include "chunk/chunker.hpp"

namespace drkit::chunk {
namespace {

constexpr std::size_t kPageBytes = 8192;
constexpr std::size_t kPageHeaderBytes = 24;
constexpr std::uint32_t kPageSizeAndVersion = 0x2004;  // 8192 | layout version 4
constexpr std::uint32_t kPageFlags = 0x0007;
constexpr std::size_t kWalHeaderBytes = 40;
constexpr std::uint32_t kWalLongHeader = 0x0002;
constexpr std::array<std::uint32_t, 6> kWalMagics = {0xD106, 0xD10D, 0xD110, 0xD113, 0xD116, 0xD118};  // 13 to 18

std::uint32_t load(ByteView page, std::size_t offset, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::to_integer<std::uint32_t>(page[offset + i]) << (8 * i);
  return value;
}

bool is_data_page(ByteView page) {
  if (page.size() < kPageHeaderBytes) return false;
  const std::uint32_t flags = load(page, 10, 2);
  const std::uint32_t lower = load(page, 12, 2);
  const std::uint32_t upper = load(page, 14, 2);
  const std::uint32_t special = load(page, 16, 2);
  return load(page, 18, 2) == kPageSizeAndVersion && (flags & ~kPageFlags) == 0 && lower >= kPageHeaderBytes &&
         lower <= upper && upper <= special && special <= kPageBytes && special % 8 == 0;
}

bool is_wal_start(ByteView page, std::uint64_t file_size) {
  if (page.size() < kWalHeaderBytes) return false;
  const bool known = std::find(kWalMagics.begin(), kWalMagics.end(), load(page, 0, 2)) != kWalMagics.end();
  return known && (load(page, 2, 2) & kWalLongHeader) != 0 && load(page, 32, 4) == file_size &&
         load(page, 36, 4) == kPageBytes;
}

bool is_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

bool looks_like_postgres_pages(ByteView head, std::uint64_t file_size) {
  if (file_size == 0 || file_size % kPageBytes != 0) return false;
  if (is_wal_start(head, file_size)) return true;
  // A page that was added and never written is all zeros; the next one decides.
  for (std::size_t at = 0; at < head.size(); at += kPageBytes) {
    const ByteView page = head.subspan(at, std::min(kPageBytes, head.size() - at));
    if (!is_zero(page)) return is_data_page(page);
  }
  return false;
}

}  // namespace drkit::chunk
