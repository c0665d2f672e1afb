// The options of storages as C callers give them.
#pragma once

#include <drkit/registry.hpp>

#include "handles.hpp"
#include "options.hpp"

namespace drkit::capi {

Result<StorageOptions> storage_options(const drk_storage_options* options);

}  // namespace drkit::capi
