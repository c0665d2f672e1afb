// The log of one cluster as the repository holds it: what is there, what is missing, where timelines fork.
#pragma once

#include <map>
#include <vector>

#include <drkit/pitr.hpp>

#include "systems/postgres/wal_history.hpp"

namespace drkit::systems::postgres {

/// One stretch of the way to a target: this timeline from begin up to, not including, end.
struct PathPart {
  TimelineId timeline = 0;
  Lsn begin = 0;
  Lsn end = 0;
};
using Path = std::vector<PathPart>;

struct TimelineMap {
  std::vector<WalName> objects;  ///< segments, pieces and partials, sorted
  std::vector<WalSpan> spans;
  std::vector<HistoryLine> history;
  bool has_history = false;
  std::string history_problem;
};

class WalMap {
 public:
  /// One map for every cluster. Errors: those of reading histories, but not their damage.
  static Result<std::map<std::uint64_t, WalMap>> load(const Context& ctx, const WalArchive& archive);

  std::uint64_t system_id() const { return system_id_; }
  std::uint64_t segment_bytes() const { return segment_bytes_; }
  const std::map<TimelineId, TimelineMap>& timelines() const { return timelines_; }
  const std::vector<WalName>& gaps() const { return gaps_; }
  /// Objects that hold less than they are named for, tails from where they are damaged; nothing of the log is counted
  /// on them.
  const std::vector<WalName>& damaged() const { return damaged_; }

  /// From the first timeline to this one. Errors: not_found (no history), corrupt.
  Result<Path> path_to(TimelineId timeline) const;
  /// How far the log goes on without a hole from a position on the path; the position itself when it is not there.
  Lsn reach(const Path& path, Lsn from) const;
  /// The objects that hold [from, to) of the path, in order, each as large as there is.
  std::vector<WalName> objects_between(const Path& path, Lsn from, Lsn to) const;
  /// Whether a recorded gap begins where the log was left.
  bool is_gap(const Path& path, Lsn at) const;
  /// Whether a damaged object begins where the log was left.
  bool is_damaged(const Path& path, Lsn at) const;
  /// Why the log that leads there does not go on: "end of log", "damaged", "hole" or "gap".
  std::string why_it_ends(const Path& path, Lsn end) const;

 private:
  void add(const WalName& name, bool damaged);
  void finish();
  void count_partials();
  void bound_tails();
  Lsn covered(TimelineId timeline, Lsn from) const;
  const WalName* object_at(TimelineId timeline, Lsn position) const;

  std::uint64_t system_id_ = 0;
  std::uint64_t segment_bytes_ = 16ULL << 20;
  std::map<TimelineId, TimelineMap> timelines_;
  std::vector<WalName> gaps_;
  std::vector<WalName> damaged_;
};

/// Sorts spans and makes one of those that touch.
void merge_spans(std::vector<WalSpan>& spans);

/// Where on the path a position lies; null when it is beyond it.
const PathPart* part_at(const Path& path, Lsn lsn);

}  // namespace drkit::systems::postgres
