// backup: a source into a repository.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <drkit/repository.hpp>
#include <drkit/spi/source.hpp>

namespace drkit {

struct BackupOptions {
  std::map<std::string, std::string> tags;
  /// "auto": the newest snapshot of the same source and host; "none": read every file; or a snapshot id.
  std::string parent = "auto";
  std::string host;           ///< empty: the machine's name
  int compression_level = 1;  ///< zstd level -7..19; 0 stores plain
  /// A run that is killed is taken up again from its last checkpoint: files stored before it are not read again.
  /// Sources in path order only. Units: nanoseconds; 0: none.
  std::int64_t checkpoint_interval_ns = 300'000'000'000;
};

/// Reads the source and commits one snapshot. The snapshot's status is complete or partial; a failed backup is an
/// Error and leaves no snapshot (what was uploaded is reused by the next run).
/// Thread-safety: may run concurrently with anything else on the repository, in this process or others.
DRKIT_API Result<Snapshot> backup(const Context& ctx, Repository& repository, Source& source,
                                  const BackupOptions& options = {});

}  // namespace drkit
