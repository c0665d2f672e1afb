// What a mirror that was opened by its address knows about its copies.
#pragma once

#include <memory>
#include <vector>

#include <drkit/snapshot.hpp>
#include <drkit/storage.hpp>

namespace drkit {

/// The control of a mirror that open_storage() gave, or mirror(), also behind this library's decorators; null for every
/// other storage.
DRKIT_API std::shared_ptr<MirrorControl> mirror_control(const StoragePtr& storage);

/// Call it after each operation over a mirror: compares the copies, brings over what is missing, and answers what could
/// not be healed. Nothing left: everything is on every copy; for a storage that is no mirror, too. A copy that cannot
/// be asked is a gap with an empty key. Errors: cancelled.
DRKIT_API Result<MirrorHealed> settle_mirror(const Context& ctx, const StoragePtr& storage);

/// What an operation came to when its result is whole on the quorum and `gaps` are left: no longer complete.
DRKIT_API Status status_with_gaps(Status status, const std::vector<MirrorGap>& gaps);

/// The places below a mirror, a cache, or one over the other: where the objects really are, for whoever must look at
/// every copy. Behind decorators each place is decorated in the same way, except that no cache is in between. Empty for
/// every other storage.
DRKIT_API std::vector<StoragePtr> storage_copies(const Storage& storage);

}  // namespace drkit
