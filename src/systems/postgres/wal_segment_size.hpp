// How long the files of a cluster's log are, as the repository tells it.
#pragma once

#include <vector>

#include <drkit/wal.hpp>

namespace drkit::systems::postgres {

/// `names`: what the repository holds of this cluster. A whole file tells it by its name alone; else the first page of
/// one that still grows does, else the receipt of a snapshot. 16 MiB, which initdb takes unless told otherwise, when
/// nothing does or the key may not read it. Errors: the storage's.
Result<std::uint64_t> segment_size_of(const Context& ctx, const WalArchive& archive, std::uint64_t system_id,
                                      const std::vector<WalName>& names);

}  // namespace drkit::systems::postgres
