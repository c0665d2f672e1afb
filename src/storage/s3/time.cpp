#include "storage/s3/time.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace drkit::storage::s3 {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Civil {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

Civil civil_of(std::int64_t seconds) {
  using namespace std::chrono;
  const sys_seconds time{std::chrono::seconds(seconds)};
  const sys_days date = floor<days>(time);
  const year_month_day ymd(date);
  const auto rest = static_cast<unsigned>((time - date).count());
  return {static_cast<int>(ymd.year()),
          static_cast<unsigned>(ymd.month()),
          static_cast<unsigned>(ymd.day()),
          rest / 3600,
          rest / 60 % 60,
          rest % 60};
}

std::optional<std::int64_t> ns_of(const Civil& civil) {
  using namespace std::chrono;
  const year_month_day date{year(civil.year), month(civil.month), day(civil.day)};
  // A 64-bit count of nanoseconds ends in 2262; a leap second is taken as the next second.
  if (!date.ok() || civil.year < 1970 || civil.year > 2261) return std::nullopt;
  if (civil.hour > 23 || civil.minute > 59 || civil.second > 60) return std::nullopt;
  const std::int64_t day_number = sys_days(date).time_since_epoch().count();
  return (((day_number * 24 + civil.hour) * 60 + civil.minute) * 60 + civil.second) * kSecond;
}

std::string digits(unsigned value, std::size_t width) {
  std::string text = std::to_string(value);
  return std::string(width - std::min(width, text.size()), '0') + text;
}

bool read_number(std::string_view& text, std::size_t width, unsigned& value) {
  if (text.size() < width) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + width, value);
  if (error != std::errc() || end != text.data() + width) return false;
  text.remove_prefix(width);
  return true;
}

bool skip(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

bool read_clock(std::string_view& text, Civil& civil) {
  return read_number(text, 2, civil.hour) && skip(text, ":") && read_number(text, 2, civil.minute) && skip(text, ":") &&
         read_number(text, 2, civil.second);
}

// The digits behind the point as nanoseconds.
std::int64_t read_fraction(std::string_view& text) {
  std::int64_t value = 0;
  std::int64_t unit = kSecond;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    unit /= 10;
    value += unit * (text.front() - '0');
    text.remove_prefix(1);
  }
  return value;
}

}  // namespace

std::string basic_time(std::int64_t ns) {
  const Civil t = civil_of(ns / kSecond);
  return digits(static_cast<unsigned>(t.year), 4) + digits(t.month, 2) + digits(t.day, 2) + "T" + digits(t.hour, 2) +
         digits(t.minute, 2) + digits(t.second, 2) + "Z";
}

std::string iso_time(std::int64_t ns) {
  const Civil t = civil_of((ns + kSecond - 1) / kSecond);
  return digits(static_cast<unsigned>(t.year), 4) + "-" + digits(t.month, 2) + "-" + digits(t.day, 2) + "T" +
         digits(t.hour, 2) + ":" + digits(t.minute, 2) + ":" + digits(t.second, 2) + "Z";
}

std::optional<std::int64_t> parse_iso_time(std::string_view text) {
  Civil civil;
  unsigned year = 0;
  if (!read_number(text, 4, year) || !skip(text, "-") || !read_number(text, 2, civil.month) || !skip(text, "-") ||
      !read_number(text, 2, civil.day) || !skip(text, "T") || !read_clock(text, civil)) {
    return std::nullopt;
  }
  civil.year = static_cast<int>(year);
  const std::int64_t fraction = skip(text, ".") ? read_fraction(text) : 0;
  if (text != "Z" && text != "+00:00") return std::nullopt;
  const auto whole = ns_of(civil);
  return whole ? std::optional(*whole + fraction) : std::nullopt;
}

std::optional<std::int64_t> parse_http_time(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  Civil civil;
  unsigned year = 0;
  if (text.size() != 29) return std::nullopt;
  text.remove_prefix(5);
  if (!read_number(text, 2, civil.day) || !skip(text, " ")) return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(0, 3));
  civil.month = static_cast<unsigned>(month - kMonths.begin()) + 1;
  text.remove_prefix(3);
  if (!skip(text, " ") || !read_number(text, 4, year) || !skip(text, " ") || !read_clock(text, civil) ||
      text != " GMT") {
    return std::nullopt;
  }
  civil.year = static_cast<int>(year);
  return ns_of(civil);
}

}  // namespace drkit::storage::s3
