// Parent: the snapshot that a backup compares with, so as not to read what did not change.
#pragma once

#include <memory>
#include <optional>

#include "repo/chunk_writer.hpp"
#include "repo/manifest_reader.hpp"
#include "repo/snapshots.hpp"

namespace drkit::engine {

/// Follows the source's entries in path order through the parent snapshot, and through the checkpoint of a run that did
/// not finish. Thread-safety: one thread.
class Parent {
 public:
  /// Null when there is nothing to compare with, or it may not be read. Errors: not_found when `choice` names a
  /// snapshot that is not there.
  static Result<std::unique_ptr<Parent>> open(const Context& ctx, std::shared_ptr<Repository::Impl> impl,
                                              const std::string& choice, const Snapshot& current);

  /// The stored record of the same path, when nothing says that the file changed and its chunks are all there.
  /// REQUIRES: entries come in path order.
  Result<std::optional<format::Record>> find_unchanged(const Context& ctx, const Entry& entry,
                                                       const repo::ChunkWriter& chunks);

 private:
  struct Manifest {
    repo::ManifestReader reader;
    std::optional<format::Record> current = {};
    bool ended = false;
  };
  explicit Parent(std::shared_ptr<repo::ChunkReader> reader) : reader_(std::move(reader)) {}
  Result<std::optional<format::Record>> find_in(const Context& ctx, Manifest& manifest, const Entry& entry,
                                                const repo::ChunkWriter& chunks);
  Result<bool> chunks_present(const Context& ctx, const format::Record& record, const repo::ChunkWriter& chunks);

  std::shared_ptr<repo::ChunkReader> reader_;
  std::vector<Manifest> manifests_;  ///< the checkpoint's first: it is newer
};

}  // namespace drkit::engine
