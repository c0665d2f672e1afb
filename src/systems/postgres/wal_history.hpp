// Timeline histories: the text of a .history file.
#pragma once

#include <vector>

#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

/// A timeline that a later one came from, and where it was left.
struct HistoryLine {
  TimelineId timeline = 0;
  Lsn switch_lsn = 0;
  std::string reason;
  bool operator==(const HistoryLine&) const = default;
};

/// Oldest first. Errors: corrupt (a line is none, ids or positions do not ascend).
Result<std::vector<HistoryLine>> parse_history(std::string_view text);

}  // namespace drkit::systems::postgres
