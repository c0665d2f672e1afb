#include "registry/s3_address.hpp"

namespace drkit::registry {

Result<std::shared_ptr<S3Storage>> open_bucket(const Context& ctx, std::string_view address,
                                               const StorageOptions& options) {
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
  s3.open_attempts = options.attempts;
  // Finding out would write an object.
  if (options.read_only) s3.conditional_create = S3Choice::no;
  return make_s3_storage(ctx, std::move(s3));
}

Result<StoragePtr> open_s3(const Context& ctx, std::string_view address, const StorageOptions& options) {
  DRKIT_ASSIGN(std::shared_ptr<S3Storage> storage, open_bucket(ctx, address, options));
  return StoragePtr(std::move(storage));
}

}  // namespace drkit::registry
