#include "spi_check.hpp"

struct drk_finding_sink {
  const drkit::FindingSink* report;
};

namespace drkit::capi {
namespace {

class VtableCheck final : public Check {
 public:
  VtableCheck(const drk_check_vtable& vtable, void* user_data)
      : vtable_(vtable), user_data_(user_data), info_{vtable.id, static_cast<CheckLevel>(vtable.level)} {}
  ~VtableCheck() override {
    if (vtable_.destroy != nullptr) vtable_.destroy(user_data_);
  }
  VtableCheck(const VtableCheck&) = delete;
  VtableCheck& operator=(const VtableCheck&) = delete;

  CheckInfo info() const override { return info_; }

  bool applies_to(const Snapshot& snapshot) const override {
    if (vtable_.applies_to == nullptr) return true;
    const drk_snapshot handle(snapshot);
    return vtable_.applies_to(&handle, user_data_) != 0;
  }

  Result<CheckSummary> run(const Context& ctx, const CheckInput& input, const FindingSink& report) override {
    const drk_cancel_token cancel{ctx.cancel};
    const drk_repository repository(input.repository);
    const drk_snapshot snapshot(input.snapshot);
    drk_finding_sink sink{&report};
    DRKIT_TRY(call_plugin(
        "run", [&](drk_error** err) { return vtable_.run(&cancel, &repository, &snapshot, &sink, err, user_data_); }));
    return CheckSummary{0, "a plug-in"};
  }

 private:
  drk_check_vtable vtable_;
  void* user_data_;
  CheckInfo info_;
};

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_check_from_vtable(const drk_check_vtable* vtable, void* user_data, drk_check_plugin** out,
                                 drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_TRY(require(vtable, "vtable"));
    DRKIT_ASSIGN(auto given, copy_options(vtable, drk_check_vtable(DRK_CHECK_VTABLE_INIT)));
    if (given.id == nullptr || given.run == nullptr) return invalid("the vtable lacks id or run");
    if (given.level < DRK_CHECK_OBJECTS || given.level > DRK_CHECK_BOOT) return invalid("unknown level");
    auto handle = std::make_unique<drk_check_plugin>();
    handle->check = std::make_shared<VtableCheck>(given, user_data);
    *out = handle.release();
    return {};
  });
}

void drk_check_plugin_free(drk_check_plugin* check) { delete check; }

drk_status drk_finding_sink_add(drk_finding_sink* sink, const drk_finding* finding) {
  return guard(nullptr, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(sink, "sink"));
    DRKIT_TRY(require(finding, "finding"));
    DRKIT_ASSIGN(const auto given, copy_options(finding, drk_finding(DRK_FINDING_INIT)));
    if (given.severity < DRK_SEVERITY_NOTE || given.severity > DRK_SEVERITY_DAMAGE) return invalid("unknown severity");
    (*sink->report)({static_cast<drkit::Severity>(given.severity), text_or(given.code), text_or(given.subject),
                     text_or(given.message)});
    return {};
  });
}

}  // extern "C"
