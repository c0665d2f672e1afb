// Checkpoints: the manifest of an unfinished backup, so that the next run need not read again what is stored.
#pragma once

#include <optional>
#include <string>

#include "repo/manifest_writer.hpp"
#include "repo/snapshots.hpp"

namespace drkit::repo {

/// Says whose backup it is. Two backups of the same source and host may use each other's checkpoints.
struct CheckpointOwner {
  std::string source_kind;
  std::string source_name;
  std::string host;
  bool operator==(const CheckpointOwner&) const = default;
};

/// REQUIRES: everything below the root is durable and listed by the index. `number` counts from 1 for each lease.
Result<void> put_checkpoint(const Context& ctx, Repository::Impl& impl, const Lease& lease, unsigned number,
                            const ContentKey& content_key, const CheckpointOwner& owner, const ManifestRoot& root);

/// The newest of the owner's; nothing when there is none that can be read. A damaged one is logged and passed over.
Result<std::optional<ManifestRoot>> newest_checkpoint(const Context& ctx, Repository::Impl& impl,
                                                      const CheckpointOwner& owner);

/// Removes the owner's checkpoints: a snapshot has taken their place.
Result<void> remove_checkpoints(const Context& ctx, Repository::Impl& impl, const CheckpointOwner& owner);

}  // namespace drkit::repo
