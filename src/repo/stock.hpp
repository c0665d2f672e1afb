// Stock: what the index says, held against the packs that are in the storage.
#pragma once

#include "repo/impl.hpp"

namespace drkit::repo {

/// The index for a writer. Packs that are gone or have another size no longer count, so that what they held is stored
/// again; packs that a killed writer left unlisted are listed, once their bytes were read and found to be those of
/// their names. Either is logged, as is a damaged pack that stays unlisted. Memory: some bytes a pack.
/// Errors: the storage's.
Result<std::shared_ptr<Index>> take_stock(const Context& ctx, Repository::Impl& impl);

}  // namespace drkit::repo
