// SnapshotReader: what is needed to read one snapshot.
#pragma once

#include <memory>

#include "repo/manifest_reader.hpp"
#include "repo/snapshots.hpp"

namespace drkit::engine {

struct SnapshotReader {
  std::shared_ptr<Repository::Impl> impl;
  std::shared_ptr<repo::ChunkReader> chunks;
  repo::ManifestRoot root;

  repo::ManifestReader manifest() const { return {chunks, root}; }

  /// Errors: not_found, permission_denied (write role), corrupt.
  static Result<SnapshotReader> open(const Context& ctx, const Repository& repository, const Snapshot& snapshot) {
    SnapshotReader reader;
    reader.impl = repository.impl();
    if (reader.impl->keys.role != KeyRole::full) {
      return Error(ErrorCode::permission_denied, "this key may add backups but not read them");
    }
    DRKIT_ASSIGN(const std::optional<repo::LoadedSnapshot> loaded, repo::load_snapshot(ctx, *reader.impl, snapshot.id));
    if (!loaded) return Error(ErrorCode::not_found, "no such snapshot").with("snapshot", snapshot.id);
    reader.root = *loaded->manifest;
    DRKIT_ASSIGN(reader.chunks, repo::ChunkReader::open(ctx, reader.impl));
    return reader;
  }
};

}  // namespace drkit::engine
