// s3:// addresses to storages.
#pragma once

#include <string_view>

#include <drkit/registry.hpp>
#include <drkit/storage_s3.hpp>

namespace drkit::registry {

/// Errors: those of make_s3_storage and s3_options_from_address.
Result<std::shared_ptr<S3Storage>> open_bucket(const Context& ctx, std::string_view address,
                                               const StorageOptions& options);
Result<StoragePtr> open_s3(const Context& ctx, std::string_view address, const StorageOptions& options);

}  // namespace drkit::registry
