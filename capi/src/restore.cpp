#include <drkit/registry.hpp>
#include <drkit/report.hpp>

#include "handles.hpp"

struct drk_restore_result {
  drkit::RestoreResult value;
};

namespace drkit::capi {
namespace {

struct RestoreCall {
  RestoreOptions options;
  TargetOptions target;
};

Result<RestoreCall> restore_options_of(const drk_restore_options* options) {
  DRKIT_ASSIGN(const auto given, copy_options(options, drk_restore_options(DRK_RESTORE_OPTIONS_INIT)));
  RestoreCall call;
  DRKIT_ASSIGN(call.options.includes, text_list(given.includes, given.include_count, "includes"));
  DRKIT_ASSIGN(call.options.excludes, text_list(given.excludes, given.exclude_count, "excludes"));
  call.options.delta = given.delta != 0;
  call.options.owners = given.no_owners == 0;
  DRKIT_ASSIGN(call.target.tablespaces, text_map(given.tablespaces, given.tablespace_count, "tablespaces"));
  call.target.all_tablespaces_under = text_or(given.all_tablespaces_under);
  call.target.keep_standby = given.keep_standby != 0;
  call.target.no_tablespaces = given.no_tablespaces != 0;
  call.target.bin_dir = text_or(given.bin_directory);
  if (given.jobs != 0) call.target.jobs = given.jobs;
  return call;
}

Result<void> fill_stats(const RestoreStats& stats, drk_restore_stats* out) {
  return fill_struct(
      out, drk_restore_stats{sizeof(drk_restore_stats), 0, stats.entries, stats.files, stats.bytes, stats.bytes_fetched,
                             stats.bytes_written, stats.bytes_kept, stats.problems, stats.duration_ns});
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_restore_plan(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                            const drk_restore_options* options, drk_restore_stats* out, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(fill_stats({}, out));
    DRKIT_ASSIGN(const auto call, restore_options_of(options));
    DRKIT_ASSIGN(const auto found, find_snapshot(context, repository, snapshot));
    DRKIT_ASSIGN(const auto stats, drkit::plan_restore(context, repository->repository, found, call.options));
    return fill_stats(stats, out);
  });
}

drk_status drk_restore_plan_removals(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                                     const char* target_address, const drk_restore_options* options, uint64_t* count,
                                     drk_path_fn visit, void* user_data, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(target_address, "target_address"));
    DRKIT_TRY(require(count, "count"));
    *count = 0;
    DRKIT_ASSIGN(const auto call, restore_options_of(options));
    DRKIT_ASSIGN(const auto found, find_snapshot(context, repository, snapshot));
    DRKIT_ASSIGN(const auto target, drkit::open_target(context, target_address, found, call.target));
    DRKIT_ASSIGN(const auto plan, drkit::plan_restore(context, repository->repository, found, *target, call.options));
    *count = plan.removals.entries;
    for (const std::string& path : plan.removals.first) {
      if (visit == nullptr || visit(path.c_str(), user_data) != 0) break;
    }
    return {};
  });
}

drk_status drk_restore(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                       const char* target_address, const drk_restore_options* options, drk_restore_result** out,
                       drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(target_address, "target_address"));
    DRKIT_ASSIGN(const auto call, restore_options_of(options));
    DRKIT_ASSIGN(const auto found, find_snapshot(context, repository, snapshot));
    DRKIT_ASSIGN(const auto target, drkit::open_target(context, target_address, found, call.target));
    DRKIT_ASSIGN(auto result, drkit::restore(context, repository->repository, found, *target, call.options));
    *out = new drk_restore_result{std::move(result)};
    return {};
  });
}

drk_result_status drk_restore_result_status(const drk_restore_result* result) {
  return result == nullptr ? DRK_RESULT_FAILED : static_cast<drk_result_status>(result->value.status);
}

drk_status drk_restore_result_stats(const drk_restore_result* result, drk_restore_stats* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(result, "result"));
    return fill_stats(result->value.stats, out);
  });
}

size_t drk_restore_result_problem_count(const drk_restore_result* result) {
  return result == nullptr ? 0 : result->value.problems.size();
}

drk_status drk_restore_result_problem(const drk_restore_result* result, size_t index, drk_problem* out,
                                      drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(result, "result"));
    return fill_problem(result->value.problems, index, out);
  });
}

drk_status drk_restore_result_to_json(const drk_restore_result* result, drk_buffer** out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_TRY(require(result, "result"));
    return give_buffer(out, drkit::to_json(result->value));
  });
}

void drk_restore_result_free(drk_restore_result* result) { delete result; }

}  // extern "C"
