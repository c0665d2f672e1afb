#include "time_text.hpp"

#include <charconv>
#include <ctime>
#include <optional>
#include <string>

namespace cli {
namespace {

using drkit::Error;
using drkit::ErrorCode;
using drkit::Result;

// Takes so many digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || text[0] == '-') return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any) {
  if (text.empty() || any.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_fraction(std::string_view& text) {
  std::int64_t nanoseconds = 0, unit = 100'000'000;
  if (!take(text, ".")) return 0;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), unit /= 10) {
    nanoseconds += (text[0] - '0') * unit;
  }
  return nanoseconds;
}

struct Zone {
  bool local = true;
  std::int64_t seconds = 0;
};

std::optional<Zone> take_zone(std::string_view text) {
  if (text.empty()) return Zone{};
  if (text == "Z" || text == "z" || text == " UTC") return Zone{false, 0};
  const bool west = text[0] == '-';
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  take(text, ":");
  const auto minutes = text.empty() ? std::optional<int>(0) : take_number(text, 2);
  if (!hours || !minutes || !text.empty() || *hours > 15 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = *hours * 3600 + *minutes * 60;
  return Zone{false, west ? -seconds : seconds};
}

// The calendar's functions take the 30th of February for a day of March.
bool is_day(int year, int month, int day) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1) return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

std::optional<std::int64_t> parse(std::string_view text) {
  std::tm parts{};
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take(text, " Tt")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute) return std::nullopt;
  const auto second = take(text, ":") ? take_number(text, 2) : std::optional<int>(0);
  if (!second || !is_day(*year, *month, *day) || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const auto fraction = take_fraction(text);
  const auto zone = take_zone(text);
  if (!fraction || !zone) return std::nullopt;
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  parts.tm_sec = *second;
  parts.tm_isdst = -1;
  const std::time_t seconds = zone->local ? std::mktime(&parts) : ::timegm(&parts);
  return (static_cast<std::int64_t>(seconds) - zone->seconds) * 1'000'000'000 + *fraction;
}

}  // namespace

Result<std::int64_t> parse_time(std::string_view text) {
  if (const auto time = parse(text)) return *time;
  return Error(ErrorCode::invalid_argument, "a time looks like 2026-11-21 03:31:00.5+00");
}

}  // namespace cli
