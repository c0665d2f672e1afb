// Parent: the snapshot that a backup compares with, so as not to read what did not change.
#pragma once

#include <memory>
#include <optional>

#include "engine/file_patcher.hpp"
#include "repo/chunk_writer.hpp"
#include "repo/manifest_reader.hpp"
#include "repo/snapshots.hpp"
#include "repo/writer_memory.hpp"

namespace drkit::engine {

/// Follows the source's entries in path order through the parent snapshot, and through the checkpoint of a run that did
/// not finish. Thread-safety: one thread.
class Parent {
 public:
  /// Null when there is nothing to compare with, or it may not be read. Who may only write has its memory alone, as
  /// long as the snapshot of which it speaks is there, and nothing else. Errors: not_found when `choice` names a
  /// snapshot that is not there.
  static Result<std::unique_ptr<Parent>> open(const Context& ctx, std::shared_ptr<Repository::Impl> impl,
                                              const std::string& choice, const Snapshot& current,
                                              std::shared_ptr<repo::WriterMemory> memory);

  /// What the stored file of the same path is good for, as the stream says; nothing when that is nothing, or when not
  /// all of its chunks are there. REQUIRES: entries come in path order, else those out of order find nothing.
  struct Found {
    format::Record record;
    bool whole = false;
    EarlierFile file;  ///< unless whole
  };
  Result<std::optional<Found>> find(const Context& ctx, Stream& stream, const repo::ChunkWriter& chunks);

  /// From now on find takes entries in any order, each by a search of its own, in the snapshot alone: what a run that
  /// did not finish has read is of another time.
  void look_up_by_name() { by_name_ = true; }

  /// What the source may know of the parent; null when there is a checkpoint alone. Valid as long as the parent.
  std::optional<EarlierSnapshot> for_source(const Context& ctx);
  /// For a source that can be asked for changes alone, and then has no other bytes: names a file of the snapshot of
  /// which not all chunks are there; null when there is none.
  Result<std::optional<Problem>> find_missing(const Context& ctx, const repo::ChunkWriter& chunks);

 private:
  struct Manifest {
    repo::ManifestReader reader;
    std::optional<format::Record> current = {};
    bool ended = false;
  };
  static Result<std::unique_ptr<Parent>> recall(const Context& ctx, Repository::Impl& impl, const std::string& choice,
                                                std::shared_ptr<repo::WriterMemory> memory);
  explicit Parent(std::shared_ptr<repo::ChunkSource> reader) : reader_(std::move(reader)) {}
  Result<std::optional<Found>> find_in(const Context& ctx, Manifest& manifest, Stream& stream,
                                       const repo::ChunkWriter& chunks);
  Result<bool> load(const Context& ctx, Found& found, const repo::ChunkWriter& chunks);
  Result<std::optional<Bytes>> read_file(const Context& ctx, const std::string& path, std::uint64_t max_bytes);

  std::shared_ptr<repo::ChunkSource> reader_;
  std::vector<Manifest> manifests_;         ///< the checkpoint's first: it is newer
  std::optional<repo::ManifestRoot> root_;  ///< of the snapshot
  Snapshot snapshot_;
  bool by_name_ = false;
};

}  // namespace drkit::engine
