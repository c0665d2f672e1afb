// retry: for whoever opens storages.
#pragma once

#include <string>

#include <drkit/storage.hpp>

namespace drkit::storage {

/// with_retry() that does not tell the line again which opening the storage has just put into the log.
StoragePtr with_retry_after(const Context& ctx, StoragePtr inner, RetryOptions options, std::string told);

}  // namespace drkit::storage
