// What this machine remembers of a repository, to notice when the storage goes back in time.
#pragma once

#include <vector>

#include "format/snapshot.hpp"
#include "repo/impl.hpp"

namespace drkit::repo {

/// The newest snapshots seen; empty without a cache directory. Errors: io; a damaged file counts as no memory.
Result<std::vector<format::Predecessor>> load_heads(const Repository::Impl& impl);
/// A memory that cannot be written is logged: no reason to fail. Thread-safety: any thread, any process.
void store_heads(const Context& ctx, const Repository::Impl& impl, const std::vector<format::Predecessor>& heads);

}  // namespace drkit::repo
