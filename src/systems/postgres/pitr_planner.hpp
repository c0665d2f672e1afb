// Reaching a target on one way through the log.
#pragma once

#include "systems/postgres/base_points.hpp"
#include "systems/postgres/log_times.hpp"
#include "systems/postgres/mark_search.hpp"

namespace drkit::systems::postgres {

/// One way that the stored log goes on, and the snapshots that lie on it.
struct Way {
  TimelineId timeline = 0;
  Path path;
  std::vector<BasePoint> points;  ///< sorted by end_lsn
  Lsn end = 0;                    ///< of the log
};

class PitrPlanner {
 public:
  PitrPlanner(const Context& ctx, const Repository& repository, const WalArchive& archive, const WalMap& map,
              const Way& way, const PitrOptions& options)
      : ctx_(ctx),
        repository_(repository),
        archive_(archive),
        map_(map),
        way_(way),
        path_(way.path),
        target_(options.target),
        options_(options),
        search_(ctx, archive, map_, path_) {}

  /// By names, sizes and headers. Errors: not_found (the target is not on this way), precondition_failed (the log is
  /// not that of the snapshot which would be taken), and those of reading.
  Result<PitrPlan> plan() const;
  /// Reads all that will be replayed. Errors: corrupt (how far it leads is said), and those of reading.
  Result<void> prove(PitrPlan& plan) const;

 private:
  using Points = std::vector<BasePoint>;

  Result<PitrPlan> to_latest() const;
  Result<PitrPlan> to_lsn() const;
  Result<PitrPlan> to_time() const;
  Result<PitrPlan> to_mark() const;
  Result<PitrPlan> from(const BasePoint& point, Lsn stop, std::int64_t time_ns) const;
  Result<void> require_own_log(const BasePoint& point) const;
  Result<const BasePoint*> last_before(std::int64_t limit) const;
  Result<std::optional<FoundMark>> first_mark(const MarkQuery& query, const BasePoint*& base) const;
  Result<void> tell_namesakes(const MarkQuery& query, const FoundMark& chosen) const;
  Result<std::string> end_words(const BasePoint& point, Lsn end) const;
  Result<bool> is_damaged_behind(Lsn stop) const;
  MarkQuery mark_query() const;

  const Context& ctx_;
  const Repository& repository_;
  const WalArchive& archive_;
  const WalMap& map_;
  const Way& way_;
  const Path& path_;
  const PitrTarget& target_;
  const PitrOptions& options_;
  MarkSearch search_;
};

}  // namespace drkit::systems::postgres
