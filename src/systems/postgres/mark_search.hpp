// Looking for the end of a transaction or a restore point in the stored log.
#pragma once

#include <functional>
#include <optional>

#include "systems/postgres/wal_map.hpp"
#include "systems/postgres/wal_segment.hpp"

namespace drkit::systems::postgres {

struct MarkQuery {
  std::function<bool(const WalMark&)> wanted;
  /// Whether an object with these facts may hold what is wanted.
  std::function<bool(const WalFacts&)> possible;
};

struct FoundMark {
  WalMark mark;
  std::int64_t time_before_ns = 0;  ///< of the transaction that ended last before it in the same segment; 0: none
};

class MarkSearch {
 public:
  MarkSearch(const Context& ctx, const WalArchive& archive, const WalMap& map, const Path& path)
      : ctx_(ctx), archive_(archive), map_(map), path_(path) {}

  /// The first that ends behind `from` and starts before `to`. Headers are asked first, so most objects stay where they
  /// are. A record that lies over the border of two segments is in neither header: borders beside a segment that may
  /// hold it are looked at, and all of them before the answer is that there is none.
  /// Errors: corrupt, permission_denied, the storage's.
  Result<std::optional<FoundMark>> first(const MarkQuery& query, Lsn from, Lsn to) const;
  /// The time of the last transaction that ended at or before the position; 0 when none did in its segment and the
  /// few before it.
  Result<std::int64_t> time_at(Lsn lsn) const;
  /// Whether a whole record starts at or behind `lsn`, before `to`.
  Result<bool> has_record_from(Lsn lsn, Lsn to) const;
  /// Behind the last whole record before `to`; `from` when there is none.
  Result<Lsn> last_record_end(Lsn from, Lsn to) const;

 private:
  using Visit = std::function<bool(const WalMark&)>;
  /// A segment that does not hold what is looked for, unless it lies over its end.
  struct Skipped {
    WalName name;
    std::uint64_t commits = 0;
  };

  Result<std::optional<FoundMark>> find_in(const WalName& object, const MarkQuery& query, Lsn from, Lsn to,
                                           bool border_only) const;
  Result<std::optional<FoundMark>> find_at_borders(const std::vector<Skipped>& skipped, std::size_t first,
                                                   const MarkQuery& query, Lsn from, Lsn to) const;
  std::size_t borders_before(const std::vector<Skipped>& skipped, const WalName& object) const;
  /// Scans a segment and the record that lies over its end.
  Result<WalScan> scan_segment(const WalName& object, const Visit& visit) const;
  Result<std::int64_t> time_in_segment(const WalName& object, Lsn lsn) const;
  Result<Bytes> segment_of(const WalName& object) const;
  Lsn end_of_segment(const WalName& object) const {
    return (object.start / map_.segment_bytes() + 1) * map_.segment_bytes();
  }

  const Context& ctx_;
  const WalArchive& archive_;
  const WalMap& map_;
  const Path& path_;
};

}  // namespace drkit::systems::postgres
