// mirror: addresses to storages: `mirror:ADDRESS|ADDRESS`, `mirror:quorum=1|ADDRESS|ADDRESS`.
#pragma once

#include <string_view>

#include <drkit/registry.hpp>

namespace drkit::registry {

/// Opens every copy by open_storage(). Where one has a repository, those that are away or have nothing are passed over
/// by reads, after one warning each, and are gaps to writes; puts fail when fewer than the quorum are left. Where none
/// has one, or with StorageOptions::create, as many as the quorum must open, and an empty place is a copy like others.
Result<StoragePtr> open_mirror(const Context& ctx, std::string_view address, const StorageOptions& options);

}  // namespace drkit::registry
