// Key slots of a repository.
#include "handles.hpp"

struct drk_keys {
  std::vector<drkit::KeySlot> slots;
};

namespace drkit::capi {
namespace {

Result<KeySlot> add_key(const Context& ctx, Repository& repository, const drk_key_options& given) {
  if ((given.password == nullptr) == (given.public_key == nullptr)) {
    return invalid("exactly one of password and public_key must be given");
  }
  if (given.role != DRK_KEY_FULL && given.role != DRK_KEY_WRITE) return invalid("unknown role");
  const auto role = static_cast<KeyRole>(given.role);
  if (given.public_key != nullptr) return repository.add_recipient(ctx, given.public_key, role, text_or(given.label));
  const PasswordCost cost{given.password_operations, given.password_memory_bytes};
  return repository.add_password(ctx, given.password->secret, role, text_or(given.label), cost);
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_key_list(const drk_context* ctx, const drk_repository* repository, drk_keys** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_ASSIGN(auto slots, repository->repository.keys(context));
    *out = new drk_keys{std::move(slots)};
    return {};
  });
}

size_t drk_keys_count(const drk_keys* keys) { return keys == nullptr ? 0 : keys->slots.size(); }

drk_status drk_keys_at(const drk_keys* keys, size_t index, drk_key_info* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    if (index >= drk_keys_count(keys)) return invalid("index is past the end");
    const drkit::KeySlot& slot = keys->slots[index];
    return fill_struct(
        out, drk_key_info{sizeof(drk_key_info), static_cast<int32_t>(slot.role), slot.id.c_str(), slot.label.c_str(),
                          slot.public_key.c_str(), slot.created_ns, slot.is_password ? 1U : 0U, 0});
  });
}

void drk_keys_free(drk_keys* keys) { delete keys; }

drk_status drk_key_add(const drk_context* ctx, drk_repository* repository, const drk_key_options* options,
                       drk_keys** out, drk_error** err) {
  if (out != nullptr) *out = nullptr;
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_key_options(DRK_KEY_OPTIONS_INIT)));
    auto added = std::make_unique<drk_keys>();
    added->slots.reserve(1);
    DRKIT_ASSIGN(auto slot, add_key(context, repository->repository, given));
    added->slots.push_back(std::move(slot));
    if (out != nullptr) *out = added.release();
    return {};
  });
}

drk_status drk_key_remove(const drk_context* ctx, drk_repository* repository, const char* slot_id, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_TRY(require(slot_id, "slot_id"));
    return repository->repository.remove_key(context, slot_id);
  });
}

drk_status drk_key_rotate(const drk_context* ctx, drk_repository* repository, const drk_credential* own, drk_keys** out,
                          drk_error** err) {
  if (out != nullptr) *out = nullptr;
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_TRY(require(own, "own"));
    DRKIT_ASSIGN(const auto credential, copy_credential(*own));
    auto removed = std::make_unique<drk_keys>();
    DRKIT_ASSIGN(removed->slots, repository->repository.rotate_key(context, credential));
    if (out != nullptr) *out = removed.release();
    return {};
  });
}

}  // extern "C"
