#include "systems/postgres/wal_names.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdio>

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMaxFindings = 100;

std::string hex8(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%08llX", static_cast<unsigned long long>(value & 0xFFFFFFFF));
  return text;
}

std::optional<std::uint32_t> parse_hex(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || text.size() > 8 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_name_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); }

std::uint64_t segments_per_half(std::uint64_t segment_bytes) { return (std::uint64_t{1} << 32) / segment_bytes; }

void check_range(const std::map<std::string, std::uint64_t>& files, const WalRange& range, std::uint64_t segment_bytes,
                 Findings& findings) {
  if (range.timeline == 0 || range.start > range.end) {
    findings.push_back({Severity::error, "wal_range", "",
                        "the range " + format_lsn(range.start) + " to " + format_lsn(range.end) + " makes no sense"});
    return;
  }
  const std::uint64_t last = (range.end == range.start ? range.end : range.end - 1) / segment_bytes;
  for (std::uint64_t number = range.start / segment_bytes; number <= last && findings.size() < kMaxFindings; ++number) {
    const std::string name = wal_file_name({range.timeline, number}, segment_bytes);
    const auto file = files.find(name);
    if (file == files.end()) {
      findings.push_back(
          {Severity::error, "wal_missing", "pg_wal/" + name, "a WAL segment that recovery needs is missing"});
    } else if (file->second != segment_bytes) {
      findings.push_back(
          {Severity::error, "wal_size", "pg_wal/" + name,
           "a WAL segment has " + std::to_string(file->second) + " bytes instead of " + std::to_string(segment_bytes)});
    }
  }
  const std::string history = history_file_name(range.timeline);
  if (range.timeline > 1 && !files.contains(history)) {
    findings.push_back({Severity::error, "wal_history_missing", "pg_wal/" + history,
                        "the history of a timeline that recovery needs is missing"});
  }
}

}  // namespace

Result<Lsn> parse_lsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto high = parse_hex(text.substr(0, slash)), low = parse_hex(text.substr(slash + 1));
    if (high && low) return Lsn{*high} << 32 | *low;
  }
  return Error(ErrorCode::corrupt, "malformed position in the write-ahead log")
      .with("text", std::string(text.substr(0, 40)));
}

std::string format_lsn(Lsn lsn) {
  char text[20];
  std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(lsn >> 32), static_cast<unsigned>(lsn & 0xFFFFFFFF));
  return text;
}

bool is_wal_segment_size(std::uint64_t bytes) {
  return std::has_single_bit(bytes) && bytes >= (1u << 20) && bytes <= (1u << 30);
}

std::string wal_file_name(WalSegment segment, std::uint64_t segment_bytes) {
  const std::uint64_t per_half = segments_per_half(segment_bytes);
  return hex8(segment.timeline) + hex8(segment.number / per_half) + hex8(segment.number % per_half);
}

std::optional<WalSegment> parse_wal_file_name(std::string_view name, std::uint64_t segment_bytes) {
  if (name.size() != 24 || !std::all_of(name.begin(), name.end(), is_name_digit)) return std::nullopt;
  const auto timeline = parse_hex(name.substr(0, 8)), high = parse_hex(name.substr(8, 8)),
             low = parse_hex(name.substr(16));
  const std::uint64_t per_half = segments_per_half(segment_bytes);
  if (!timeline || *timeline == 0 || !high || !low || *low >= per_half) return std::nullopt;
  return WalSegment{*timeline, *high * per_half + *low};
}

std::string history_file_name(TimelineId timeline) { return hex8(timeline) + ".history"; }

Findings check_wal_present(const std::map<std::string, std::uint64_t>& files, const std::vector<WalRange>& ranges,
                           std::uint64_t segment_bytes) {
  Findings findings;
  for (const WalRange& range : ranges) {
    if (findings.size() >= kMaxFindings) break;
    check_range(files, range, segment_bytes, findings);
  }
  if (ranges.empty()) {
    findings.push_back({Severity::error, "wal_range", "", "the backup does not say which WAL it needs"});
  }
  return findings;
}

}  // namespace drkit::systems::postgres
