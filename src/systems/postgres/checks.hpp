// The checks of PostgreSQL snapshots: the cluster's own manifest, pages and WAL; its stored log; and a boot.
#pragma once

#include <memory>

#include <drkit/postgres.hpp>
#include <drkit/spi/check.hpp>

namespace drkit::systems::postgres {

/// Level files: see ClusterCheck.
std::unique_ptr<Check> make_cluster_check();
/// Level chunks: what verify_wal says about the cluster's log, once for each cluster.
std::unique_ptr<Check> make_log_check();
/// Level boot: restores through targets that `make` gives, starts the cluster and asks it.
std::unique_ptr<Check> make_boot_check(MakeRestoreTarget make);

}  // namespace drkit::systems::postgres
