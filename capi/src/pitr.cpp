// Point-in-time recovery for C, and what the log leads to.
#include <drkit/pitr.hpp>

#include "handles.hpp"

struct drk_wal_report {
  drkit::WalReport value;
};

struct drk_pitr_plan {
  drkit::PitrPlan value;
  std::string message;  ///< what the server said last
};

namespace drkit::capi {
namespace {

static_assert(DRK_PITR_LATEST == static_cast<int>(PitrKind::latest) &&
              DRK_PITR_IMMEDIATE == static_cast<int>(PitrKind::immediate) &&
              DRK_PITR_TIME == static_cast<int>(PitrKind::time) && DRK_PITR_LSN == static_cast<int>(PitrKind::lsn) &&
              DRK_PITR_XID == static_cast<int>(PitrKind::xid) && DRK_PITR_NAME == static_cast<int>(PitrKind::name));
static_assert(DRK_PITR_PAUSE == static_cast<int>(PitrAction::pause) &&
              DRK_PITR_PROMOTE == static_cast<int>(PitrAction::promote) &&
              DRK_PITR_SHUTDOWN == static_cast<int>(PitrAction::shutdown));

Result<PitrOptions> pitr_options_of(const drk_pitr_options* options) {
  DRKIT_ASSIGN(const auto given, copy_options(options, drk_pitr_options(DRK_PITR_OPTIONS_INIT)));
  if (given.kind < DRK_PITR_LATEST || given.kind > DRK_PITR_NAME) return invalid("unknown kind of target");
  if (given.kind == DRK_PITR_NAME) DRKIT_TRY(require(given.name, "name"));
  PitrOptions chosen;
  chosen.target.kind = static_cast<PitrKind>(given.kind);
  chosen.target.time_ns = given.time_ns;
  chosen.target.lsn = given.lsn;
  chosen.target.xid = given.xid;
  chosen.target.name = text_or(given.name);
  chosen.target.inclusive = given.exclusive == 0;
  if (given.timeline != 0) chosen.timeline = given.timeline;
  if (given.system_id != 0) chosen.system_id = given.system_id;
  chosen.snapshot = text_or(given.snapshot);
  chosen.read_log = given.unread == 0;
  return chosen;
}

Result<PitrAction> action_of(std::int32_t action) {
  if (action < DRK_PITR_PAUSE || action > DRK_PITR_SHUTDOWN) return invalid("unknown action");
  return static_cast<PitrAction>(action);
}

Result<PitrStartOptions> start_options_of(const drk_pitr_start_options* options) {
  DRKIT_ASSIGN(const auto given, copy_options(options, drk_pitr_start_options(DRK_PITR_START_OPTIONS_INIT)));
  if (given.timeout_ns <= 0) return invalid("timeout_ns must be more than nothing");
  PitrStartOptions chosen;
  chosen.bin_dir = text_or(given.bin_directory);
  chosen.log_file = text_or(given.log_file);
  chosen.server_options = text_or(given.server_options);
  DRKIT_ASSIGN(chosen.environment, text_map(given.environment, given.environment_count, "environment"));
  chosen.timeout = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(given.timeout_ns));
  return chosen;
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_wal_verify(const drk_context* ctx, const drk_repository* repository, drk_wal_report** out,
                          drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_ASSIGN(auto report, drkit::verify_wal(context, repository->repository));
    *out = new drk_wal_report{std::move(report)};
    return {};
  });
}

drk_status drk_wal_verify_read(const drk_context* ctx, const drk_repository* repository, drk_wal_report** out,
                               drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_ASSIGN(auto report, drkit::verify_wal(context, repository->repository, {true}));
    *out = new drk_wal_report{std::move(report)};
    return {};
  });
}

int drk_wal_report_ok(const drk_wal_report* report) {
  return report != nullptr && report->value.problems.empty() ? 1 : 0;
}
size_t drk_wal_report_window_count(const drk_wal_report* report) {
  return report == nullptr ? 0 : report->value.windows.size();
}
size_t drk_wal_report_problem_count(const drk_wal_report* report) {
  return report == nullptr ? 0 : report->value.problems.size();
}

drk_status drk_wal_report_window(const drk_wal_report* report, size_t index, drk_recovery_window* out,
                                 drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    if (index >= drk_wal_report_window_count(report)) return invalid("index is past the end");
    const drkit::RecoveryWindow& window = report->value.windows[index];
    return fill_struct(
        out, drk_recovery_window{sizeof(drk_recovery_window), window.timeline, window.system_id,
                                 window.snapshot.c_str(), window.start_lsn, window.end_lsn, window.start_time_ns,
                                 window.end_time_ns, window.ended_by.c_str(), window.proof.c_str()});
  });
}

drk_status drk_wal_report_problem(const drk_wal_report* report, size_t index, drk_wal_problem* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    if (index >= drk_wal_report_problem_count(report)) return invalid("index is past the end");
    const drkit::WalProblem& problem = report->value.problems[index];
    return fill_struct(out, drk_wal_problem{sizeof(drk_wal_problem), problem.timeline, problem.system_id,
                                            problem.code.c_str(), problem.start, problem.end, problem.message.c_str()});
  });
}

void drk_wal_report_free(drk_wal_report* report) { delete report; }

drk_status drk_pitr_plan_new(const drk_context* ctx, const drk_repository* repository, const drk_pitr_options* options,
                             drk_pitr_plan** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_ASSIGN(const auto chosen, pitr_options_of(options));
    DRKIT_ASSIGN(auto plan, drkit::plan_pitr(context, repository->repository, chosen));
    *out = new drk_pitr_plan{std::move(plan), {}};
    return {};
  });
}

drk_status drk_pitr_plan_get(const drk_pitr_plan* plan, drk_pitr_plan_facts* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(plan, "plan"));
    const drkit::PitrPlan& value = plan->value;
    return fill_struct(out, drk_pitr_plan_facts{sizeof(drk_pitr_plan_facts), value.timeline, value.system_id,
                                                value.snapshot.id.c_str(), value.start_lsn, value.stop_lsn,
                                                value.stop_time_ns, value.wal_bytes, value.ended_by.c_str()});
  });
}

void drk_pitr_plan_free(drk_pitr_plan* plan) { delete plan; }

drk_status drk_pitr_write_settings(const drk_pitr_plan* plan, const char* data_directory, const char* restore_command,
                                   int32_t action, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(plan, "plan"));
    DRKIT_TRY(require(data_directory, "data_directory"));
    DRKIT_TRY(require(restore_command, "restore_command"));
    const bool archives = action >= DRK_PITR_KEEP_ARCHIVING;
    DRKIT_ASSIGN(const auto chosen, action_of(archives ? action - DRK_PITR_KEEP_ARCHIVING : action));
    return drkit::write_pitr_settings(data_directory, plan->value, {restore_command, chosen, archives});
  });
}

drk_status drk_pitr_start(const drk_context* ctx, drk_pitr_plan* plan, const char* data_directory, int32_t action,
                          const drk_pitr_start_options* options, drk_pitr_reached* out, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(plan, "plan"));
    DRKIT_TRY(require(data_directory, "data_directory"));
    DRKIT_ASSIGN(const auto chosen, start_options_of(options));
    DRKIT_ASSIGN(const auto act, action_of(action));
    // A wrong struct is said before a server runs.
    DRKIT_TRY(fill_struct(out, drk_pitr_reached(DRK_PITR_REACHED_INIT)));
    DRKIT_ASSIGN(auto reached, drkit::start_pitr(context, data_directory, plan->value, act, chosen));
    plan->message = std::move(reached.message);
    return fill_struct(out, drk_pitr_reached{sizeof(drk_pitr_reached), reached.finished ? 1U : 0U, reached.timeline, 0,
                                             reached.lsn, reached.time_ns, plan->message.c_str()});
  });
}

}  // extern "C"
