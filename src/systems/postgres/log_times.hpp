// When the transactions of the stored log ended.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "systems/postgres/wal_map.hpp"

namespace drkit::systems::postgres {

/// Remembers what was read, for the ways of many snapshots end in the same objects.
class LogTimes {
 public:
  LogTimes(const Context& ctx, const WalArchive& archive) : ctx_(ctx), archive_(archive) {}

  /// The newest transaction end in [from, to) of the path; headers tell it, and an idle stretch of the log is passed
  /// over. 0 when there is none, or it is too far back, or what tells it is damaged.
  Result<std::int64_t> last_before(const WalMap& map, const Path& path, Lsn from, Lsn to);

 private:
  Result<std::int64_t> of_segment(const WalName& name);
  Result<std::int64_t> of_growing(const WalMap& map, const Path& path, const WalName& name, Lsn to);

  const Context& ctx_;
  const WalArchive& archive_;
  std::map<std::tuple<WalKind, std::uint64_t, TimelineId, Lsn, Lsn>, std::int64_t> times_;
};

/// "2026-11-21 14:01:59.123456+00": whole microseconds, for what the server cannot tell apart must not be asked for.
std::string utc_text(std::int64_t wall_ns);

}  // namespace drkit::systems::postgres
