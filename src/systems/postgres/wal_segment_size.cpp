#include "systems/postgres/wal_segment_size.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "systems/postgres/wal_names.hpp"
#include "systems/postgres/wal_segment.hpp"

namespace drkit::systems::postgres {
namespace {

using Size = std::optional<std::uint64_t>;

constexpr std::uint64_t kDefaultBytes = 16ULL << 20, kLeastBytes = 1ULL << 20;
constexpr int kMostReads = 16;

Size size_by_name(const std::vector<WalName>& names) {
  for (const WalName& name : names) {
    const bool whole = name.kind == WalKind::segment || name.kind == WalKind::partial;
    if (whole && is_wal_segment_size(name.end - name.start)) return name.end - name.start;
  }
  return std::nullopt;
}

// Says nothing of what cannot be looked at: it may be gone by now, damaged, or not this key's to read.
Result<Size> size_in_page(const Context& ctx, const WalArchive& archive, const WalName& piece) {
  const auto bytes = archive.get(ctx, piece);
  if (!bytes) {
    const ErrorCode code = bytes.error().code();
    if (code == ErrorCode::not_found || code == ErrorCode::corrupt) return Size();
    return bytes.error();
  }
  const auto page = parse_first_page(*bytes);
  const bool own = page && page->address == piece.start && page->system_id == piece.system_id;
  return own ? Size(page->segment_bytes) : Size();
}

// Only the first piece of a segment begins with a page that names the size, and no segment begins anywhere else.
Result<Size> size_by_page(const Context& ctx, const WalArchive& archive, const std::vector<WalName>& names) {
  int reads = 0;
  for (const WalName& name : names) {
    if (name.kind != WalKind::piece || name.start % kLeastBytes != 0) continue;
    DRKIT_ASSIGN(const Size size, size_in_page(ctx, archive, name));
    if (size || ++reads == kMostReads) return size;
  }
  return Size();
}

Size number_in(const Snapshot& snapshot, const char* key) {
  const auto found = snapshot.receipt.find(key);
  if (found == snapshot.receipt.end()) return std::nullopt;
  const std::string& text = found->second;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? Size(value) : std::nullopt;
}

Result<Size> size_by_snapshot(const Context& ctx, const WalArchive& archive, std::uint64_t system_id) {
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(const std::vector<Snapshot> snapshots, archive.repository().snapshots(ctx, {}, &damaged));
  for (const Snapshot& snapshot : snapshots) {
    const Size size = number_in(snapshot, "wal_segment_bytes");
    if (number_in(snapshot, "system_id") == system_id && size && is_wal_segment_size(*size)) return size;
  }
  return Size();
}

}  // namespace

Result<std::uint64_t> segment_size_of(const Context& ctx, const WalArchive& archive, std::uint64_t system_id,
                                      const std::vector<WalName>& names) {
  Size size = size_by_name(names);
  if (size || archive.repository().role() != KeyRole::full) return size.value_or(kDefaultBytes);
  DRKIT_ASSIGN(size, size_by_page(ctx, archive, names));
  if (size) return *size;
  DRKIT_ASSIGN(size, size_by_snapshot(ctx, archive, system_id));
  return size.value_or(kDefaultBytes);
}

}  // namespace drkit::systems::postgres
