#include <drkit/mirror.hpp>

#include "handles.hpp"
#include "options.hpp"

struct drk_mirror_gaps {
  drkit::MirrorHealed value;
};

namespace drkit::capi {
namespace {

Result<std::shared_ptr<MirrorControl>> control_of(const drk_storage* storage) {
  DRKIT_TRY(require(storage, "storage"));
  auto control = mirror_control(storage->storage);
  if (control == nullptr) return invalid("the storage is no mirror");
  return control;
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_storage_mirror(drk_storage* const* copies, size_t count, const drk_mirror_options* options,
                              drk_storage** out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_mirror_options(DRK_MIRROR_OPTIONS_INIT)));
    if (count > 0) DRKIT_TRY(require(copies, "copies"));
    std::vector<drkit::StoragePtr> storages;
    for (size_t i = 0; i < count; ++i) {
      storages.push_back(copies[i] == nullptr ? nullptr : copies[i]->storage);
    }
    DRKIT_ASSIGN(drkit::Mirror made, drkit::mirror(std::move(storages), {given.quorum}));
    *out = new drk_storage{std::move(made.storage)};
    return {};
  });
}

int drk_storage_is_mirror(const drk_storage* storage) {
  return storage != nullptr && drkit::mirror_control(storage->storage) != nullptr ? 1 : 0;
}

drk_status drk_mirror_settle(const drk_context* ctx, drk_storage* storage, drk_mirror_gaps** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(storage, "storage"));
    DRKIT_ASSIGN(auto settled, drkit::settle_mirror(context, storage->storage));
    *out = new drk_mirror_gaps{std::move(settled)};
    return {};
  });
}

drk_status drk_mirror_pending(const drk_storage* storage, drk_mirror_gaps** out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_ASSIGN(const auto control, control_of(storage));
    *out = new drk_mirror_gaps{{0, 0, control->pending()}};
    return {};
  });
}

drk_status drk_mirror_compare(const drk_context* ctx, drk_storage* storage, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_ASSIGN(const auto control, control_of(storage));
    return control->compare(context);
  });
}

drk_status drk_mirror_heal(const drk_context* ctx, drk_storage* storage, drk_mirror_gaps** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_ASSIGN(const auto control, control_of(storage));
    DRKIT_ASSIGN(auto healed, control->heal(context));
    *out = new drk_mirror_gaps{std::move(healed)};
    return {};
  });
}

size_t drk_mirror_gaps_count(const drk_mirror_gaps* gaps) { return gaps == nullptr ? 0 : gaps->value.left.size(); }

drk_status drk_mirror_gaps_at(const drk_mirror_gaps* gaps, size_t index, drk_mirror_gap* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(gaps, "gaps"));
    if (index >= gaps->value.left.size()) return invalid("index is past the end");
    const drkit::MirrorGap& gap = gaps->value.left[index];
    drk_mirror_gap value = DRK_MIRROR_GAP_INIT;
    value.damaged = gap.damaged ? 1 : 0;
    value.key = gap.key.c_str();
    value.reason = gap.reason.c_str();
    value.copy = gap.copy;
    return fill_struct(out, value);
  });
}

uint64_t drk_mirror_gaps_objects_copied(const drk_mirror_gaps* gaps) {
  return gaps == nullptr ? 0 : gaps->value.objects_copied;
}

uint64_t drk_mirror_gaps_bytes_copied(const drk_mirror_gaps* gaps) {
  return gaps == nullptr ? 0 : gaps->value.bytes_copied;
}

drk_result_status drk_mirror_gaps_status(const drk_mirror_gaps* gaps, drk_result_status of_operation) {
  return of_operation == DRK_RESULT_COMPLETE && drk_mirror_gaps_count(gaps) > 0 ? DRK_RESULT_PARTIAL : of_operation;
}

void drk_mirror_gaps_free(drk_mirror_gaps* gaps) { delete gaps; }

}  // extern "C"
