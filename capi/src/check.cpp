#include <drkit/check.hpp>
#include <drkit/registry.hpp>
#include <drkit/report.hpp>

#include "spi_check.hpp"

struct drk_report {
  drkit::Report value;
};

namespace drkit::capi {
namespace {

static_assert(DRK_CHECK_OBJECTS == static_cast<int>(CheckLevel::objects) &&
              DRK_CHECK_CHUNKS == static_cast<int>(CheckLevel::chunks) &&
              DRK_CHECK_FILES == static_cast<int>(CheckLevel::files) &&
              DRK_CHECK_BOOT == static_cast<int>(CheckLevel::boot));
static_assert(DRK_SEVERITY_NOTE == static_cast<int>(Severity::note) &&
              DRK_SEVERITY_WARNING == static_cast<int>(Severity::warning) &&
              DRK_SEVERITY_DAMAGE == static_cast<int>(Severity::damage));

static_assert(DRK_CHECK_COMPLETE == static_cast<int>(CheckStatus::complete) &&
              DRK_CHECK_PARTIAL == static_cast<int>(CheckStatus::partial) &&
              DRK_CHECK_DAMAGED == static_cast<int>(CheckStatus::damaged));

Result<CheckOptions> check_options_of(const drk_check_options& given) {
  if (given.level < DRK_CHECK_OBJECTS || given.level > DRK_CHECK_BOOT) return invalid("unknown level");
  CheckOptions options;
  options.level = static_cast<CheckLevel>(given.level);
  options.sample_percent = given.sample_percent;
  options.scratch_parent = text_or(given.scratch_parent, options.scratch_parent);
  DRKIT_ASSIGN(options.sql, text_list(given.sql, given.sql_count, "sql"));
  options.server_bin_directory = text_or(given.server_bin_directory);
  return options;
}

Result<std::vector<std::unique_ptr<Check>>> checks_of(const drk_check_options& given) {
  auto checks = builtin_checks();
  if (given.plugin_count != 0) DRKIT_TRY(require(given.plugins, "plugins"));
  for (std::size_t i = 0; i < given.plugin_count; ++i) {
    DRKIT_TRY(require(given.plugins[i], "plugins"));
    checks.push_back(std::make_unique<SharedCheck>(given.plugins[i]->check));
  }
  return checks;
}

template <class Render>
drk_status render(const drk_report* report, drk_buffer** out, drk_error** err, Render&& text_of) {
  return guard(err, [&]() -> Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_TRY(require(report, "report"));
    return give_buffer(out, text_of(report->value));
  });
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_check(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                     const drk_check_options* options, drk_report** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_check_options(DRK_CHECK_OPTIONS_INIT)));
    DRKIT_ASSIGN(const auto chosen, check_options_of(given));
    DRKIT_ASSIGN(const auto checks, checks_of(given));
    std::optional<drkit::Snapshot> found;
    if (snapshot != nullptr) {
      DRKIT_ASSIGN(found, find_snapshot(context, repository, snapshot));
    }
    DRKIT_ASSIGN(auto report, drkit::check(context, repository->repository, found ? &*found : nullptr, checks, chosen));
    *out = new drk_report{std::move(report)};
    return {};
  });
}

drk_status drk_check_objects(const drk_context* ctx, drk_storage* storage, uint32_t sample_percent, drk_report** out,
                             drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(storage, "storage"));
    DRKIT_ASSIGN(auto report, drkit::check_objects(context, *storage->storage, sample_percent));
    *out = new drk_report{std::move(report)};
    return {};
  });
}

int drk_report_ok(const drk_report* report) { return report != nullptr && report->value.ok() ? 1 : 0; }
int32_t drk_report_status(const drk_report* report) {
  return report == nullptr ? DRK_CHECK_DAMAGED : static_cast<int32_t>(report->value.status());
}
size_t drk_report_not_looked_at_count(const drk_report* report) {
  return report == nullptr ? 0 : report->value.not_looked_at.size();
}
const char* drk_report_not_looked_at(const drk_report* report, size_t index) {
  return index < drk_report_not_looked_at_count(report) ? report->value.not_looked_at[index].c_str() : nullptr;
}
uint64_t drk_report_findings_total(const drk_report* report) {
  return report == nullptr ? 0 : report->value.findings_total();
}
size_t drk_report_finding_count(const drk_report* report) {
  return report == nullptr ? 0 : report->value.findings.size();
}

drk_status drk_report_finding(const drk_report* report, size_t index, drk_finding* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    if (index >= drk_report_finding_count(report)) return invalid("index is past the end");
    const drkit::Finding& finding = report->value.findings[index];
    return fill_struct(out, drk_finding{sizeof(drk_finding), static_cast<int32_t>(finding.severity),
                                        finding.code.c_str(), finding.subject.c_str(), finding.message.c_str()});
  });
}

size_t drk_report_finding_snapshot_count(const drk_report* report, size_t index) {
  return index < drk_report_finding_count(report) ? report->value.findings[index].snapshots.size() : 0;
}
const char* drk_report_finding_snapshot(const drk_report* report, size_t index, size_t snapshot) {
  if (snapshot >= drk_report_finding_snapshot_count(report, index)) return nullptr;
  return report->value.findings[index].snapshots[snapshot].c_str();
}

drk_status drk_report_to_json(const drk_report* report, drk_buffer** out, drk_error** err) {
  return render(report, out, err, [](const drkit::Report& value) { return drkit::to_json(value); });
}
drk_status drk_report_to_html(const drk_report* report, drk_buffer** out, drk_error** err) {
  return render(report, out, err, [](const drkit::Report& value) { return drkit::to_html(value); });
}
drk_status drk_report_to_junit(const drk_report* report, drk_buffer** out, drk_error** err) {
  return render(report, out, err, [](const drkit::Report& value) { return drkit::to_junit(value); });
}
void drk_report_free(drk_report* report) { delete report; }

}  // extern "C"
