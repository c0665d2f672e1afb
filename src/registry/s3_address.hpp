// s3:// addresses to storages.
#pragma once

#include <string_view>

#include <drkit/registry.hpp>

namespace drkit::registry {

/// Errors: those of make_s3_storage and s3_options_from_address.
Result<StoragePtr> open_s3(const Context& ctx, std::string_view address, const StorageOptions& options);

}  // namespace drkit::registry
