// Which cluster a file of the log belongs to.
#pragma once

#include <optional>
#include <string>

#include <drkit/wal.hpp>

namespace drkit::systems::postgres {

struct ClusterFacts {
  std::uint64_t system_id = 0;
  std::uint64_t segment_bytes = 16ULL << 20;
};

/// What pg_control of the data directory says whose pg_wal holds the path. Errors: not_found (no such file), corrupt.
Result<ClusterFacts> cluster_near(const std::string& path, std::optional<std::uint64_t> known = std::nullopt);
Result<std::uint64_t> system_id_near(const std::string& path);

/// The known cluster, else that of the destination's data directory, else the only one whose log the repository holds;
/// its segment size from there.
/// Errors: invalid_argument (there are several), not_found (there is none).
Result<ClusterFacts> cluster_for(const Context& ctx, const WalArchive& archive, const std::string& destination,
                                 std::optional<std::uint64_t> known);

}  // namespace drkit::systems::postgres
