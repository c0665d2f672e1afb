#include "report/text.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace drkit::report {
namespace {

bool continuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

std::uint32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t at) { return std::uint32_t{static_cast<unsigned char>(sequence[at])}; };
  switch (sequence.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU);
    case 3:
      return (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
    default:
      return (byte(0) & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U | (byte(2) & 0x3FU) << 6U | (byte(3) & 0x3FU);
  }
}

// Controls, marks that turn or hide text, and what XML 1.0 does not allow.
bool must_escape(std::uint32_t point) {
  if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return true;
  if (point >= 0x200B && point <= 0x200F) return true;
  if (point >= 0x2028 && point <= 0x202E) return true;
  if (point >= 0x2060 && point <= 0x206F) return true;
  return point == 0x061C || point == 0xFEFF || (point & 0xFFFEU) == 0xFFFE;
}

std::tm broken_down(std::int64_t nanoseconds, std::int64_t& fraction) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t seconds = nanoseconds / kSecond;
  fraction = nanoseconds % kSecond;
  if (fraction < 0) {
    fraction += kSecond;
    --seconds;
  }
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return parts;
}

std::string date_and_time(const std::tm& parts) {
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text[0]);
  std::size_t length = 0;
  std::uint32_t smallest = 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) length = 2, smallest = 0x80;
  if (first >= 0xE0 && first <= 0xEF) length = 3, smallest = 0x800;
  if (first >= 0xF0 && first <= 0xF4) length = 4, smallest = 0x10000;
  if (length == 0) return 0;
  for (std::size_t at = 1; at < length; ++at) {
    if (!continuation(text, at)) return 0;
  }
  const std::uint32_t point = code_point(text.substr(0, length));
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < smallest || point > 0x10FFFF || surrogate ? 0 : length;
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence(bytes);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
      bytes.remove_prefix(1);
      continue;
    }
    out += bytes.substr(0, length);
    bytes.remove_prefix(length);
  }
  return out;
}

std::string visible(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence(bytes);
    const std::uint32_t point = length == 0 ? 0 : code_point(bytes.substr(0, length));
    if (length == 0 || (length == 1 && must_escape(point))) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    } else if (must_escape(point)) {
      out += fmt::format("\\u{:04x}", point);
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string escape_markup(std::string_view bytes) {
  std::string out;
  for (const char c : visible(bytes)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string human_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, " ");
  }
  return digits;
}

std::string human_duration(std::int64_t nanoseconds) {
  const double seconds = static_cast<double>(nanoseconds) / 1e9;
  if (seconds < 0.0995) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 59.95) return fmt::format("{:.{}f} s", seconds, seconds < 9.995 ? 2 : 1);
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string snapshot_list(const std::vector<std::string>& ids) {
  constexpr std::size_t kShown = 5;
  std::string text = ids.empty() ? "" : ids.size() == 1 ? "snapshot " : "snapshots ";
  for (std::size_t at = 0; at < ids.size() && at < kShown; ++at) text += (at == 0 ? "" : ", ") + ids[at].substr(0, 8);
  return ids.size() <= kShown ? text : text + " and " + human_count(ids.size() - kShown) + " more";
}

std::string utc_time(std::int64_t nanoseconds) {
  std::int64_t fraction = 0;
  const std::tm parts = broken_down(nanoseconds, fraction);
  return date_and_time(parts) + fmt::format(".{:09}Z", fraction);
}

std::string utc_time_to_second(std::int64_t nanoseconds) {
  std::int64_t fraction = 0;
  return date_and_time(broken_down(nanoseconds, fraction)) + "Z";
}

}  // namespace drkit::report
