// Snapshot objects: commit, load, list; leases and tombstones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <drkit/repository.hpp>

#include "format/snapshot.hpp"
#include "repo/manifest_writer.hpp"

namespace drkit::repo {

/// A snapshot with what only the library needs.
struct LoadedSnapshot {
  Snapshot value;
  std::vector<format::Predecessor> predecessors;
  format::Digest object_digest{};
  std::optional<ManifestRoot> manifest;  ///< full role only
};

/// Announces a writer. Its id becomes the id of the snapshot.
struct Lease {
  format::ObjectId id{};
};
Result<Lease> open_lease(const Context& ctx, Repository::Impl& impl, const std::string& host);
Result<void> close_lease(const Context& ctx, Repository::Impl& impl, const Lease& lease);

/// Commits: the one object whose creation decides. Answers its SHA-256. Errors: precondition_failed when the lease was
/// fenced.
Result<format::Digest> commit_snapshot(const Context& ctx, Repository::Impl& impl, const Lease& lease,
                                       const ContentKey& content_key, format::SnapshotPublic public_part,
                                       const format::SnapshotPrivate& private_part);

/// Nothing when the object is a fence. Errors: not_found, corrupt.
Result<std::optional<LoadedSnapshot>> load_snapshot(const Context& ctx, Repository::Impl& impl, const std::string& id);
/// All, oldest first, after checking that none is missing. Damaged ones go to `damaged` if there is one.
/// Errors: corrupt, also for the first damaged one when nobody takes it.
Result<std::vector<LoadedSnapshot>> load_snapshots(const Context& ctx, Repository::Impl& impl,
                                                   std::vector<DamagedSnapshot>* damaged = nullptr);

/// Oldest first: a snapshot comes after all that it names, whatever the clocks said; among equals the time decides.
void sort_by_history(std::vector<LoadedSnapshot>& snapshots);

/// Whether the object of this id keeps a writer from committing instead of being a snapshot.
bool is_fence(const Context& ctx, Repository::Impl& impl, const std::string& id);

/// Errors: corrupt when the tombstone is damaged or forged.
Result<bool> is_forgotten(const Context& ctx, Repository::Impl& impl, const std::string& id);

Result<void> forget_snapshot(const Context& ctx, Repository::Impl& impl, const std::string& id);

}  // namespace drkit::repo
