// What a mirror that was opened by its address knows about its copies.
#pragma once

#include <memory>
#include <vector>

#include <drkit/storage.hpp>

namespace drkit {

/// The control of a mirror that open_storage() gave, or mirror(); null for every other storage.
DRKIT_API std::shared_ptr<MirrorControl> mirror_control(const StoragePtr& storage);

/// What the copies lack after an operation: compares them, brings over what is missing, and answers what could not be
/// healed. Empty: everything is on every copy; for a storage that is no mirror, too. A copy that cannot be asked is a
/// gap with an empty key. Errors: cancelled.
DRKIT_API Result<std::vector<MirrorGap>> settle_mirror(const Context& ctx, const StoragePtr& storage);

/// The places below a mirror, a cache, or one over the other: where the objects really are, for whoever must look at
/// every copy. Empty for every other storage, also for one that wraps a mirror or a cache itself.
DRKIT_API std::vector<StoragePtr> storage_copies(const Storage& storage);

}  // namespace drkit
