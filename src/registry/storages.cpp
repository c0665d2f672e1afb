#include <drkit/registry.hpp>
#include <drkit/storage.hpp>
#include <drkit/storage_s3.hpp>

#include "base/url.hpp"
#include "registry/path_address.hpp"

namespace drkit {
namespace {

Result<StoragePtr> open_s3(const Context& ctx, std::string_view address, const StorageOptions& options) {
  AwsPlaces places = aws_places_from_environment();
  places.proxy = options.proxy;
  places.ca_file = options.ca_file;
  DRKIT_ASSIGN(S3Options s3, s3_options_from_address(address, places));
  if (!options.user.empty()) {
    S3Credentials given;
    given.access_key_id = options.user;
    given.secret_access_key = options.password.clone();
    s3.credentials = fixed_s3_credentials(std::move(given));
  }
  s3.client_certificate_file = options.client_certificate_file;
  s3.client_key_file = options.client_key_file;
  s3.proxy = options.proxy;
  DRKIT_ASSIGN(std::shared_ptr<S3Storage> storage, make_s3_storage(ctx, std::move(s3)));
  return StoragePtr(std::move(storage));
}

Result<StoragePtr> open_driver(const Context& ctx, std::string_view address, const StorageOptions& options) {
  const std::string scheme = base::scheme_of(address);
  if (scheme.empty() || scheme == "file") {
    DRKIT_ASSIGN(const std::string path, registry::directory_of(address));
    LocalOptions local;
    local.create = options.create;
    return make_local_storage(path, local);
  }
  if (scheme == "mem") {
    if (address.size() > std::string_view("mem:").size()) {
      return Error(ErrorCode::invalid_argument, "nothing may follow mem:");
    }
    return make_memory_storage();
  }
  if (scheme == "s3") return open_s3(ctx, address, options);
  return Error(ErrorCode::unsupported, "this build has no storage with this scheme").with("scheme", scheme);
}

}  // namespace

Result<StoragePtr> open_storage(const Context& ctx, std::string_view address, const StorageOptions& options) {
  DRKIT_ASSIGN(StoragePtr storage, open_driver(ctx, address, options));
  if (options.upload_bytes_per_second > 0 || options.download_bytes_per_second > 0) {
    storage = with_throttle(std::move(storage), {options.upload_bytes_per_second, options.download_bytes_per_second});
  }
  // Outermost, so that bytes sent again are counted against the limit again.
  if (options.attempts > 1) {
    RetryOptions retry;
    retry.max_attempts = options.attempts;
    storage = with_retry(std::move(storage), retry);
  }
  return storage;
}

}  // namespace drkit
