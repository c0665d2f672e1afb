// Orphans: packs that a killed backup stored and no index object lists.
#pragma once

#include "repo/impl.hpp"

namespace drkit::repo {

/// Adds them to the index and lists them in an index object, so that what they hold is not stored again. A damaged
/// one is logged and left. Errors: the storage's.
Result<void> adopt_orphans(const Context& ctx, Repository::Impl& impl);

}  // namespace drkit::repo
