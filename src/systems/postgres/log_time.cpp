#include "systems/postgres/log_time.hpp"

#include <cstdio>
#include <ctime>

namespace drkit::systems::postgres {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// ".123456" in nanoseconds, and how long it is.
std::int64_t fraction_of(const std::string& text, std::size_t& at) {
  std::int64_t value = 0, unit = kSecond;
  if (at >= text.size() || text[at] != '.') return 0;
  for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    unit /= 10;
    value += (text[at] - '0') * unit;
  }
  return value;
}

}  // namespace

std::optional<std::int64_t> time_of_log(const std::string& text) {
  std::tm utc{};
  int length = 0;
  const int fields = std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday,
                                 &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &length);
  if (fields != 6) return std::nullopt;
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  auto at = static_cast<std::size_t>(length);
  const std::int64_t fraction = fraction_of(text, at);
  int hours = 0, minutes = 0, seconds = 0;
  const char sign = at < text.size() ? text[at] : '\0';
  if (sign != '+' && sign != '-') return std::nullopt;
  if (std::sscanf(text.c_str() + at + 1, "%2d:%2d:%2d", &hours, &minutes, &seconds) < 1) return std::nullopt;
  const std::int64_t zone = (hours * 60LL + minutes) * 60 + seconds;
  const std::int64_t local = ::timegm(&utc);
  return (local - (sign == '+' ? zone : -zone)) * kSecond + fraction;
}

}  // namespace drkit::systems::postgres
