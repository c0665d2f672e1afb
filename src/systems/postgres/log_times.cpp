#include "systems/postgres/log_times.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

#include "systems/postgres/mark_search.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMostHeaders = 64;

bool is_unreadable(const Error& error) {
  return error.code() == ErrorCode::not_found || error.code() == ErrorCode::corrupt;
}

}  // namespace

Result<std::int64_t> LogTimes::of_segment(const WalName& name) {
  const auto key = std::tuple(name.kind, name.system_id, name.timeline, name.start, name.end);
  const auto known = times_.find(key);
  if (known != times_.end()) return known->second;
  const auto facts = archive_.facts(ctx_, name);
  if (!facts && !is_unreadable(facts.error())) return facts.error();
  const std::int64_t time = facts && facts->commits > 0 ? facts->last_time_ns : 0;
  times_.emplace(key, time);
  return time;
}

// In a segment that still grows only its bytes tell.
Result<std::int64_t> LogTimes::of_growing(const WalMap& map, const Path& path, const WalName& name, Lsn to) {
  const auto key = std::tuple(WalKind::segment, name.system_id, name.timeline, name.start, to);
  const auto known = times_.find(key);
  if (known != times_.end()) return known->second;
  const auto time = MarkSearch(ctx_, archive_, map, path).time_at(to);
  if (!time && !is_unreadable(time.error())) return time.error();
  times_.emplace(key, time ? *time : 0);
  return time ? *time : 0;
}

Result<std::int64_t> LogTimes::last_before(const WalMap& map, const Path& path, Lsn from, Lsn to) {
  std::vector<WalName> objects = map.objects_between(path, from, to);
  std::reverse(objects.begin(), objects.end());
  if (objects.size() > kMostHeaders) objects.resize(kMostHeaders);
  bool scanned = false;
  for (const WalName& name : objects) {
    std::int64_t time = 0;
    if (name.kind == WalKind::segment) {
      DRKIT_ASSIGN(time, of_segment(name));
    } else if (!std::exchange(scanned, true)) {
      DRKIT_ASSIGN(time, of_growing(map, path, name, to));
    }
    if (time != 0) return time;
  }
  return std::int64_t{0};
}

std::string utc_text(std::int64_t wall_ns) {
  const std::int64_t micros = wall_ns / 1000 - (wall_ns % 1000 < 0 ? 1 : 0);
  std::time_t seconds = micros / 1'000'000;
  std::int64_t rest = micros % 1'000'000;
  if (rest < 0) rest += 1'000'000, --seconds;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00", utc.tm_year + 1900, utc.tm_mon + 1,
                utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, static_cast<int>(rest));
  return text;
}

}  // namespace drkit::systems::postgres
