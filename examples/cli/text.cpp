#include "text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <limits>

namespace cli {
namespace {

using drkit::Error;
using drkit::ErrorCode;
using drkit::Result;

struct Unit {
  std::string_view name;
  double factor;
};

constexpr double kKibi = 1024;
constexpr std::array<Unit, 18> kUnits = {{{"", 1},
                                          {"B", 1},
                                          {"K", kKibi},
                                          {"KiB", kKibi},
                                          {"k", kKibi},
                                          {"M", kKibi* kKibi},
                                          {"MiB", kKibi* kKibi},
                                          {"m", kKibi* kKibi},
                                          {"G", kKibi* kKibi* kKibi},
                                          {"GiB", kKibi* kKibi* kKibi},
                                          {"g", kKibi* kKibi* kKibi},
                                          {"T", kKibi* kKibi* kKibi* kKibi},
                                          {"TiB", kKibi* kKibi* kKibi* kKibi},
                                          {"t", kKibi* kKibi* kKibi* kKibi},
                                          {"KB", 1e3},
                                          {"MB", 1e6},
                                          {"GB", 1e9},
                                          {"TB", 1e12}}};

// Length of the well-formed UTF-8 sequence at the start, 0 when there is none.
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
  };
  const auto tail = [&](std::size_t at) { return (byte(at) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if ((first & 0xF0U) == 0xE0U) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) >= 0xA0;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool too_large = first == 0xF4 && byte(1) >= 0x90;
    return tail(1) && tail(2) && tail(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

std::string escape_byte(char c) {
  std::array<char, 5> text{};
  std::snprintf(text.data(), text.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return text.data();
}

// C0, DEL, C1 and the marks that turn the direction of text.
bool steers(std::string_view sequence_bytes) {
  if (sequence_bytes.size() == 1)
    return static_cast<unsigned char>(sequence_bytes[0]) < 0x20 || sequence_bytes[0] == 0x7F;
  if (sequence_bytes.size() == 2)
    return sequence_bytes[0] == '\xC2' && static_cast<unsigned char>(sequence_bytes[1]) < 0xA0;
  const std::string_view start = sequence_bytes.substr(0, 2);
  if (start == "\xE2\x80") {
    const auto last = static_cast<unsigned char>(sequence_bytes[2]);
    return (last >= 0x8B && last <= 0x8F) || (last >= 0xA8 && last <= 0xAE);
  }
  return start == "\xE2\x81" && static_cast<unsigned char>(sequence_bytes[2]) >= 0xA0;
}

std::string rewrite(std::string_view bytes, bool controls_too) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t length = sequence(bytes);
    const std::string_view piece = bytes.substr(0, length == 0 ? 1 : length);
    if (length == 0 || (controls_too && steers(piece))) {
      for (const char c : piece) out += escape_byte(c);
    } else {
      out += piece;
    }
    bytes.remove_prefix(piece.size());
  }
  return out;
}

std::string format_number(const char* pattern, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), pattern, value);
  return text.data();
}

std::string time_text(std::int64_t seconds, const char* pattern, bool local) {
  const std::time_t time = seconds;
  std::tm parts{};
  if (local) {
    localtime_r(&time, &parts);
  } else {
    gmtime_r(&time, &parts);
  }
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), pattern, &parts);
  return {text.data(), length};
}

std::int64_t floor_seconds(std::int64_t nanoseconds) {
  const std::int64_t seconds = nanoseconds / 1'000'000'000;
  return nanoseconds % 1'000'000'000 < 0 ? seconds - 1 : seconds;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    const double value = number * unit.factor;
    if (failure != std::errc() || suffix != unit.name || !(value >= 0) || value >= 0x1p63) continue;
    return static_cast<std::uint64_t>(value);
  }
  return Error(ErrorCode::invalid_argument, "no size: give a number and a unit, such as 64MiB")
      .with("size", std::string(text));
}

Result<std::uint64_t> parse_rate(std::string_view text) {
  if (text.ends_with("/s")) text.remove_suffix(2);
  return parse_size(text);
}

Result<std::pair<std::string, std::string>> parse_pair(std::string_view text, std::string_view what) {
  const std::size_t at = text.find('=');
  if (at == std::string_view::npos || at == 0) {
    return Error(ErrorCode::invalid_argument, std::string(what) + " is not of the form NAME=VALUE")
        .with("given", std::string(text));
  }
  return std::pair{std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = sequence(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string to_utf8(std::string_view bytes) { return rewrite(bytes, false); }
std::string visible(std::string_view bytes) { return rewrite(bytes, true); }

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4U];
    out += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kPatterns = {"%.1f KiB", "%.1f MiB", "%.1f GiB",
                                                    "%.1f TiB", "%.1f PiB", "%.1f EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / kKibi;
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kPatterns.size()) {
    value /= kKibi;
    ++unit;
  }
  return format_number(kPatterns[unit], value);
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
  if (seconds < 9.995) return format_number("%.2f s", seconds);
  if (seconds < 59.95) return format_number("%.1f s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

std::string local_time(std::int64_t nanoseconds) {
  return time_text(floor_seconds(nanoseconds), "%Y-%m-%d %H:%M:%S", true);
}

std::string utc_time(std::int64_t nanoseconds) {
  const std::int64_t seconds = floor_seconds(nanoseconds);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%09dZ", static_cast<int>(nanoseconds - seconds * 1'000'000'000));
  return time_text(seconds, "%Y-%m-%dT%H:%M:%S", false) + fraction.data();
}

std::size_t width_of(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

std::string left(std::string text, std::size_t width) {
  const std::size_t now = width_of(text);
  return now < width ? text.append(width - now, ' ') : text;
}

std::string right(std::string text, std::size_t width) {
  const std::size_t now = width_of(text);
  return now < width ? std::string(width - now, ' ') + text : text;
}

}  // namespace cli
