// The check that looks whether the stored log is whole.
#include <set>

#include <drkit/pitr.hpp>

#include "systems/postgres/checks.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {
namespace {

// What is recorded as lost, or still to come, takes nothing from what was promised.
drkit::Severity severity_of(const WalProblem& problem) {
  const bool known = problem.code == "wal_gap" || problem.code == "wal_snapshot_unreachable";
  return known || problem.code == "wal_only_partial" ? drkit::Severity::warning : drkit::Severity::damage;
}

/// The log belongs to clusters, not to snapshots: each is looked at with the first snapshot of it.
class LogCheck final : public Check {
 public:
  CheckInfo info() const override { return {"postgres_log", CheckLevel::chunks}; }
  bool applies_to(const Snapshot& snapshot) const override {
    return snapshot.source_kind == "postgres" && snapshot.receipt.contains("system_id");
  }

  Result<CheckSummary> run(const Context& ctx, const CheckInput& input, const FindingSink& report) override {
    if (!report_) {
      DRKIT_ASSIGN(report_, verify_wal(ctx, input.repository));
    }
    const std::string system_id = input.snapshot.receipt.at("system_id");
    if (!told_.insert(system_id).second) return CheckSummary{0, "looked at with an earlier snapshot"};
    for (const WalProblem& problem : report_->problems) {
      if (std::to_string(problem.system_id) != system_id) continue;
      report({severity_of(problem), problem.code,
              "timeline " + std::to_string(problem.timeline) + " " + format_lsn(problem.start) + ".." +
                  format_lsn(problem.end),
              problem.message});
    }
    CheckSummary summary;
    for (const RecoveryWindow& window : report_->windows) {
      if (std::to_string(window.system_id) == system_id && window.end_lsn > window.start_lsn) ++summary.looked_at;
    }
    summary.detail = "ways that the log goes on from snapshots of cluster " + system_id;
    return summary;
  }

 private:
  std::optional<WalReport> report_;
  std::set<std::string> told_;
};

}  // namespace

std::unique_ptr<Check> make_log_check() { return std::make_unique<LogCheck>(); }

}  // namespace drkit::systems::postgres
