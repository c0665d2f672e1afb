// What a report says of itself.
#include <algorithm>

#include <drkit/check.hpp>

namespace drkit {

CheckStatus Report::status() const {
  const bool damaged = std::any_of(findings.begin(), findings.end(),
                                   [](const Finding& finding) { return finding.severity == Severity::damage; });
  // Nobody knows what those were that were left out.
  if (damaged || findings_left_out > 0) return CheckStatus::damaged;
  const bool partial = std::any_of(snapshots.begin(), snapshots.end(), [this](const CheckedSnapshot& snapshot) {
    return snapshot.entries_missing > 0 || snapshot.level < level;
  });
  return partial ? CheckStatus::partial : CheckStatus::complete;
}

std::uint64_t Report::entries_missing() const {
  std::uint64_t sum = 0;
  for (const CheckedSnapshot& snapshot : snapshots) sum += snapshot.entries_missing;
  return sum;
}

std::string_view check_level_name(CheckLevel level) {
  switch (level) {
    case CheckLevel::objects:
      return "objects";
    case CheckLevel::chunks:
      return "chunks";
    case CheckLevel::files:
      return "files";
    case CheckLevel::boot:
      return "boot";
  }
  return "unknown";
}

std::string_view check_status_name(CheckStatus status) {
  switch (status) {
    case CheckStatus::complete:
      return "complete";
    case CheckStatus::partial:
      return "partial";
    case CheckStatus::damaged:
      return "damaged";
  }
  return "unknown";
}

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::damage:
      return "damage";
  }
  return "unknown";
}

}  // namespace drkit
