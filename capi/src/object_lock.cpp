#include <drkit/object_lock.hpp>

#include "storage_options.hpp"

struct drk_retain_report {
  drkit::RetainReport value;
};

using namespace drkit::capi;

namespace {

const drkit::RetainFailure* failure_at(const drk_retain_report* report, size_t index) {
  return report == nullptr || index >= report->value.failures.size() ? nullptr : &report->value.failures[index];
}

}  // namespace

extern "C" {

drk_status drk_storage_retain(const drk_context* ctx, const char* address, const drk_storage_options* storage,
                              const drk_retain_options* options, drk_retain_report** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(address, "address"));
    DRKIT_ASSIGN(const auto place, storage_options(storage));
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_retain_options(DRK_RETAIN_OPTIONS_INIT)));
    if (given.legal_hold < -1 || given.legal_hold > 1) return invalid("legal_hold is -1, 0 or 1");
    drkit::RetainOptions chosen;
    chosen.until_ns = given.until_ns;
    if (given.legal_hold >= 0) chosen.legal_hold = given.legal_hold == 1;
    chosen.parallel = given.parallel;
    DRKIT_ASSIGN(auto report, drkit::retain_objects(context, address, place, chosen));
    *out = new drk_retain_report{std::move(report)};
    return {};
  });
}

uint64_t drk_retain_report_objects(const drk_retain_report* report) {
  return report == nullptr ? 0 : report->value.objects;
}

uint64_t drk_retain_report_bytes(const drk_retain_report* report) {
  return report == nullptr ? 0 : report->value.bytes;
}

size_t drk_retain_report_failure_count(const drk_retain_report* report) {
  return report == nullptr ? 0 : report->value.failures.size();
}

const char* drk_retain_report_failure_key(const drk_retain_report* report, size_t index) {
  const auto* failure = failure_at(report, index);
  return failure == nullptr ? "" : failure->key.c_str();
}

const char* drk_retain_report_failure_reason(const drk_retain_report* report, size_t index) {
  const auto* failure = failure_at(report, index);
  return failure == nullptr ? "" : failure->reason.c_str();
}

void drk_retain_report_free(drk_retain_report* report) { delete report; }

}  // extern "C"
