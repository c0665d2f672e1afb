// Creating and opening repositories.
#include <drkit/wal_files.hpp>

#include "handles.hpp"

namespace drkit::capi {
namespace {

static_assert(DRK_KEY_FULL == static_cast<int>(KeyRole::full) && DRK_KEY_WRITE == static_cast<int>(KeyRole::write));

Result<OpenOptions> open_options_of(const drk_open_options& given) {
  OpenOptions options;
  options.cache_directory = text_or(given.cache_directory);
  options.memory_bytes = given.memory_bytes;
  options.parallel = given.parallel;
  return options;
}

Result<CreateOptions> create_options_of(const drk_create_options& given) {
  CreateOptions options;
  if (given.password_count != 0) DRKIT_TRY(require(given.passwords, "passwords"));
  for (std::size_t i = 0; i < given.password_count; ++i) {
    DRKIT_TRY(require(given.passwords[i], "passwords"));
    options.passwords.push_back(given.passwords[i]->secret.clone());
  }
  DRKIT_ASSIGN(options.recipients, text_list(given.recipients, given.recipient_count, "recipients"));
  options.password_cost.operations = given.password_operations;
  options.password_cost.memory_bytes = given.password_memory_bytes;
  return options;
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_repository_create(const drk_context* ctx, drk_storage* storage, const drk_create_options* options,
                                 const drk_open_options* open_options, drk_repository** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(storage, "storage"));
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_create_options(DRK_CREATE_OPTIONS_INIT)));
    DRKIT_ASSIGN(const auto given_open, copy_options(open_options, drk_open_options(DRK_OPEN_OPTIONS_INIT)));
    DRKIT_ASSIGN(auto create_options, create_options_of(given));
    DRKIT_ASSIGN(auto chosen, open_options_of(given_open));
    if (given_open.credential.password != nullptr || given_open.credential.key != nullptr) {
      DRKIT_ASSIGN(chosen.credential, copy_credential(given_open.credential));
    }
    DRKIT_ASSIGN(auto repository,
                 drkit::Repository::create(context, storage->storage, std::move(create_options), std::move(chosen)));
    *out = new drk_repository(std::move(repository));
    return {};
  });
}

drk_status drk_repository_open(const drk_context* ctx, drk_storage* storage, const drk_open_options* options,
                               drk_repository** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(storage, "storage"));
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_open_options(DRK_OPEN_OPTIONS_INIT)));
    DRKIT_ASSIGN(auto chosen, open_options_of(given));
    DRKIT_ASSIGN(chosen.credential, copy_credential(given.credential));
    DRKIT_ASSIGN(auto repository, drkit::Repository::open(context, storage->storage, std::move(chosen)));
    *out = new drk_repository(std::move(repository));
    return {};
  });
}

drk_status drk_repository_is_in(const drk_context* ctx, const drk_repository* repository, drk_storage* storage,
                                int* out, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_TRY(require(storage, "storage"));
    DRKIT_TRY(require(out, "the out parameter"));
    *out = 0;
    const auto id = drkit::read_repository_id(context, *storage->storage);
    if (!id && id.error().code() != drkit::ErrorCode::not_found) return id.error();
    *out = id && *id == repository->id ? 1 : 0;
    return {};
  });
}
const char* drk_repository_id(const drk_repository* repository) {
  return repository == nullptr ? "" : repository->id.c_str();
}
drk_key_role drk_repository_role(const drk_repository* repository) {
  if (repository == nullptr) return DRK_KEY_WRITE;
  return static_cast<drk_key_role>(repository->repository.role());
}
void drk_repository_free(drk_repository* repository) { delete repository; }

}  // extern "C"
