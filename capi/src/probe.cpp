#include <drkit/probe.hpp>
#include <drkit/report.hpp>

#include "handles.hpp"
#include "options.hpp"

struct drk_probe_report {
  drkit::ProbeReport value;
};

namespace drkit::capi {
namespace {

static_assert(DRK_PROBE_OK == static_cast<int>(ProbeVerdict::ok) &&
              DRK_PROBE_DEGRADED == static_cast<int>(ProbeVerdict::degraded) &&
              DRK_PROBE_UNSAFE == static_cast<int>(ProbeVerdict::unsafe));

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_storage_probe(const drk_context* ctx, drk_storage* storage, const drk_probe_options* options,
                             drk_probe_report** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(storage, "storage"));
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_probe_options(DRK_PROBE_OPTIONS_INIT)));
    drkit::ProbeOptions chosen;
    chosen.object_bytes = given.object_bytes;
    chosen.small_objects = given.small_objects;
    DRKIT_ASSIGN(auto report, drkit::probe_storage(context, *storage->storage, chosen));
    *out = new drk_probe_report{std::move(report)};
    return {};
  });
}

drk_probe_verdict drk_probe_report_verdict(const drk_probe_report* report) {
  return report == nullptr ? DRK_PROBE_UNSAFE : static_cast<drk_probe_verdict>(report->value.verdict);
}

const char* drk_probe_report_summary(const drk_probe_report* report) {
  return report == nullptr ? "" : report->value.summary.c_str();
}

size_t drk_probe_report_count(const drk_probe_report* report) {
  return report == nullptr ? 0 : report->value.items.size();
}

drk_status drk_probe_report_at(const drk_probe_report* report, size_t index, drk_probe_item* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(report, "report"));
    if (index >= report->value.items.size()) return invalid("index is past the end");
    const drkit::ProbeItem& item = report->value.items[index];
    drk_probe_item value = DRK_PROBE_ITEM_INIT;
    value.verdict = static_cast<int32_t>(item.verdict);
    value.id = item.id.c_str();
    value.explanation = item.explanation.c_str();
    value.value = item.value;
    value.unit = item.unit.c_str();
    return fill_struct(out, value);
  });
}

drk_status drk_probe_report_to_json(const drk_probe_report* report, drk_buffer** out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_TRY(require(report, "report"));
    return give_buffer(out, drkit::to_json(report->value));
  });
}

void drk_probe_report_free(drk_probe_report* report) { delete report; }

}  // extern "C"
