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

/// Holds the repository to what this machine saw before: the same signing key for its id, and the same repository at
/// its address. A public key is public: without this a storage could put a repository of its own making in the place of
/// one that is opened by key file, and learn what is backed up to it. `created`: this machine made it just now. Errors:
/// corrupt, naming the file to remove when the exchange was meant; io.
Result<void> check_known(const Repository::Impl& impl, const std::string& cache_root, bool created);

}  // namespace drkit::repo
