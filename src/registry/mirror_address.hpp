// mirror: addresses to storages: `mirror:ADDRESS|ADDRESS`, `mirror:quorum=1|ADDRESS|ADDRESS`.
#pragma once

#include <string_view>

#include <drkit/registry.hpp>

namespace drkit::registry {

/// Opens every copy by open_storage(). As many as the quorum must open; the others are gaps from the beginning.
Result<StoragePtr> open_mirror(const Context& ctx, std::string_view address, const StorageOptions& options);

}  // namespace drkit::registry
