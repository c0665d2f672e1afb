#include "storage_options.hpp"

namespace drkit::capi {

Result<StorageOptions> storage_options(const drk_storage_options* options) {
  DRKIT_ASSIGN(const auto given, copy_options(options, drk_storage_options(DRK_STORAGE_OPTIONS_INIT)));
  StorageOptions chosen;
  chosen.create = given.create != 0;
  chosen.upload_bytes_per_second = given.upload_bytes_per_second;
  chosen.download_bytes_per_second = given.download_bytes_per_second;
  chosen.attempts = given.attempts;
  chosen.user = text_or(given.user);
  if (given.password != nullptr) chosen.password = given.password->secret.clone();
  chosen.key_file = text_or(given.key_file);
  chosen.agent_socket = text_or(given.agent_socket);
  chosen.ca_file = text_or(given.ca_file);
  chosen.client_certificate_file = text_or(given.client_certificate_file);
  chosen.client_key_file = text_or(given.client_key_file);
  chosen.proxy = text_or(given.proxy);
  chosen.concurrency = given.concurrency;
  chosen.read_only = given.read_only != 0;
  chosen.cache_directory = text_or(given.cache_directory);
  chosen.cache_bytes = given.cache_bytes;
  return chosen;
}

}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_storage_open(const drk_context* ctx, const char* address, const drk_storage_options* options,
                            drk_storage** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(address, "address"));
    DRKIT_ASSIGN(const auto chosen, storage_options(options));
    DRKIT_ASSIGN(auto storage, drkit::open_storage(context, address, chosen));
    *out = new drk_storage{std::move(storage)};
    return {};
  });
}

void drk_storage_free(drk_storage* storage) { delete storage; }

}  // extern "C"
