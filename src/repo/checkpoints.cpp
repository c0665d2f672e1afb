#include "repo/checkpoints.hpp"

#include "crypto/cipher.hpp"
#include "crypto/random.hpp"
#include "format/checkpoint.hpp"
#include "repo/layout.hpp"

namespace drkit::repo {
namespace {

struct Found {
  std::string key;
  format::Checkpoint checkpoint;
};

Bytes associated_data_of(const Repository::Impl& impl, std::string_view name) {
  return format::associated_data(format::Kind::checkpoint, impl.id, as_bytes(name));
}

Result<format::Checkpoint> load(const Context& ctx, Repository::Impl& impl, const std::string& key) {
  DRKIT_ASSIGN(const Bytes payload, get_object(ctx, *impl.storage, key, format::Kind::checkpoint));
  DRKIT_ASSIGN(const format::SealedObject object, format::decode_sealed_object(payload));
  DRKIT_ASSIGN(const Secret content_key, open_content_key(impl, object.content_key));
  DRKIT_ASSIGN(const Bytes plain,
               crypto::open_bytes(content_key.view(), associated_data_of(impl, object_name(key)), object.sealed));
  return format::decode_checkpoint(plain);
}

Result<std::vector<Found>> find_all(const Context& ctx, Repository::Impl& impl, const CheckpointOwner& owner) {
  std::vector<Found> found;
  if (impl.keys.role != KeyRole::full) return found;
  DRKIT_ASSIGN(const std::vector<std::string> names, list_keys(ctx, *impl.storage, kCheckpointPrefix));
  for (const std::string& key : names) {
    auto checkpoint = load(ctx, impl, key);
    if (!checkpoint && checkpoint.error().code() == ErrorCode::not_found) continue;
    if (!checkpoint && checkpoint.error().code() != ErrorCode::corrupt) return std::move(checkpoint).error();
    if (!checkpoint) {
      ctx.write_log(LogLevel::warning, "checkpoint passed over: " + checkpoint.error().to_string());
      continue;
    }
    const CheckpointOwner whose{checkpoint->source_kind, checkpoint->source_name, checkpoint->host};
    if (whose == owner) found.push_back({key, std::move(*checkpoint)});
  }
  return found;
}

}  // namespace

Result<void> put_checkpoint(const Context& ctx, Repository::Impl& impl, const Lease& lease, unsigned number,
                            const ContentKey& content_key, const CheckpointOwner& owner, const ManifestRoot& root) {
  // Who may only write could neither use nor find it, and would leave it behind.
  if (impl.keys.role != KeyRole::full) return {};
  const std::string name = base::to_hex(lease.id) + "-" + std::to_string(number);
  const format::Checkpoint checkpoint{ctx.clock->wall_ns(), owner.source_kind, owner.source_name,
                                      owner.host,           root.node,         root.level};
  format::SealedObject object;
  object.content_key = content_key.sealed;
  DRKIT_ASSIGN(object.sealed, crypto::seal_bytes(content_key.key.view(), associated_data_of(impl, name),
                                                 format::encode_checkpoint(checkpoint), crypto::system_random()));
  return put_object(ctx, *impl.storage, std::string(kCheckpointPrefix) + name, format::Kind::checkpoint,
                    format::encode_sealed_object(object));
}

Result<std::optional<ManifestRoot>> newest_checkpoint(const Context& ctx, Repository::Impl& impl,
                                                      const CheckpointOwner& owner) {
  DRKIT_ASSIGN(const std::vector<Found> all, find_all(ctx, impl, owner));
  const format::Checkpoint* newest = nullptr;
  for (const Found& found : all) {
    if (newest == nullptr || found.checkpoint.time_ns > newest->time_ns) newest = &found.checkpoint;
  }
  if (newest == nullptr) return std::optional<ManifestRoot>();
  return std::optional(ManifestRoot{newest->manifest_root, newest->manifest_level});
}

Result<void> remove_checkpoints(const Context& ctx, Repository::Impl& impl, const CheckpointOwner& owner) {
  DRKIT_ASSIGN(const std::vector<Found> all, find_all(ctx, impl, owner));
  for (const Found& found : all) DRKIT_TRY(impl.storage->remove(ctx, found.key));
  return {};
}

}  // namespace drkit::repo
