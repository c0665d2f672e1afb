#include "systems/postgres/wal_file_name.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include <drkit/wal_files.hpp>

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kPart = 8, kSegmentName = 24;

std::optional<std::uint32_t> hex_part(std::string_view text) {
  const bool digits = text.size() == kPart && std::all_of(text.begin(), text.end(), [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
                      });
  if (!digits) return std::nullopt;
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

}  // namespace

std::optional<WalFileName> parse_file_name(std::string_view name) {
  WalFileName file;
  const auto timeline = hex_part(name.substr(0, kPart));
  if (!timeline || *timeline == 0) return std::nullopt;
  file.timeline = *timeline;
  if (name.substr(kPart) == ".history") {
    file.kind = WalKind::history;
    return file;
  }
  if (name.size() < kSegmentName) return std::nullopt;
  const auto high = hex_part(name.substr(kPart, kPart)), low = hex_part(name.substr(2 * kPart, kPart));
  if (!high || !low) return std::nullopt;
  file.high = *high;
  file.low = *low;
  const std::string_view rest = name.substr(kSegmentName);
  if (rest.empty()) return file;
  if (rest == ".partial") {
    file.kind = WalKind::partial;
    return file;
  }
  const auto offset = rest.size() > kPart ? hex_part(rest.substr(1, kPart)) : std::nullopt;
  if (rest[0] != '.' || !offset || rest.substr(1 + kPart) != ".backup") return std::nullopt;
  file.kind = WalKind::label;
  file.offset = *offset;
  return file;
}

std::optional<WalName> object_of_file(const WalFileName& file, std::uint64_t system_id, std::uint64_t segment_bytes) {
  if (file.kind == WalKind::history) return WalName{WalKind::history, system_id, file.timeline, 0, 0};
  if (std::uint64_t{file.low} * segment_bytes >> 32 != 0 || file.offset >= segment_bytes) return std::nullopt;
  const Lsn start = Lsn{file.high} << 32 | Lsn{file.low} * segment_bytes;
  return WalName{file.kind, system_id, file.timeline, start + file.offset, start + segment_bytes};
}

}  // namespace drkit::systems::postgres

namespace drkit {

std::string wal_file_of(const WalName& name, std::uint64_t segment_bytes) {
  using namespace systems::postgres;
  if (name.kind == WalKind::history) return history_file_name(name.timeline);
  const std::string segment = wal_file_name({name.timeline, name.start / segment_bytes}, segment_bytes);
  if (name.kind == WalKind::partial) return segment + ".partial";
  if (name.kind != WalKind::label) return segment;
  char offset[16];
  std::snprintf(offset, sizeof offset, ".%08X", static_cast<unsigned>(name.start % segment_bytes));
  return segment + offset + ".backup";
}

}  // namespace drkit
