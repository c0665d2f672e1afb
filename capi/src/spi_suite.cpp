// The conformance suite of storages, for plug-ins in C and for whoever wraps C.
#include <drkit/spi/conformance.hpp>

#include "handles.hpp"

namespace drkit::capi {
namespace {

Result<StoragePtr> make_with(drk_make_storage_fn make, void* user_data) {
  drk_storage* made = nullptr;
  DRKIT_TRY(call_plugin("make", [&](drk_error** err) { return make(&made, err, user_data); }));
  DRKIT_TRY(require(made, "the storage that make gave"));
  const std::unique_ptr<drk_storage, decltype(&drk_storage_free)> owned(made, &drk_storage_free);
  return owned->storage;
}

Result<void> tell(const std::vector<CaseResult>& cases, drk_suite_case_fn report, void* user_data) {
  std::size_t failures = 0;
  for (const auto& one : cases) {
    if (one.failure) ++failures;
    if (report != nullptr) report(one.name.c_str(), one.failure ? one.failure->c_str() : nullptr, user_data);
  }
  if (failures == 0) return {};
  return Error(ErrorCode::precondition_failed, "the storage does not conform")
      .with("cases", std::to_string(cases.size()))
      .with("failures", std::to_string(failures));
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_run_storage_suite(const drk_context* ctx, drk_make_storage_fn make, drk_suite_case_fn report,
                                 void* user_data, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    if (make == nullptr) return invalid("make is null");
    const auto cases = drkit::run_storage_suite(context, [&] { return make_with(make, user_data); });
    DRKIT_TRY(context.check_cancelled());
    return tell(cases, report, user_data);
  });
}

}  // extern "C"
