#include "repo/snapshots.hpp"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include <drkit/version.hpp>
#include <nlohmann/json.hpp>

#include "crypto/cipher.hpp"
#include "crypto/random.hpp"
#include "crypto/sha256.hpp"
#include "repo/layout.hpp"
#include "repo/memory_of_heads.hpp"

namespace drkit::repo {
namespace {

// The private part belongs to this snapshot and to this public part.
Bytes private_associated_data(const Repository::Impl& impl, const format::ObjectId& id, ByteView sealed_public) {
  Bytes identity(id.begin(), id.end());
  const format::Digest digest = crypto::sha256(sealed_public);
  identity.insert(identity.end(), digest.begin(), digest.end());
  return format::associated_data(format::Kind::snapshot_private, impl.id, identity);
}

Result<void> open_private(const Repository::Impl& impl, const format::ObjectId& id,
                          const format::SnapshotObject& object, LoadedSnapshot& loaded) {
  DRKIT_ASSIGN(const Secret key, open_content_key(impl, object.content_key));
  DRKIT_ASSIGN(
      const Bytes plain,
      crypto::open_bytes(key.view(), private_associated_data(impl, id, object.sealed_public), object.sealed_private));
  DRKIT_ASSIGN(format::SnapshotPrivate private_part, format::decode_snapshot_private(plain));
  loaded.manifest = ManifestRoot{private_part.manifest_root, private_part.manifest_level};
  loaded.value.receipt = std::move(private_part.receipt);
  loaded.value.problems = std::move(private_part.problems);
  loaded.value.private_readable = true;
  return {};
}

Result<std::optional<LoadedSnapshot>> decode_loaded(Repository::Impl& impl, const std::string& id, ByteView bytes) {
  const auto object_id = base::array_from_hex<16>(id);
  if (!object_id) return format::corrupt("snapshot", "its name is not 32 hexadecimal digits");
  DRKIT_ASSIGN(const ByteView payload, format::unwrap_envelope(format::Kind::snapshot, bytes));
  DRKIT_ASSIGN(const format::SnapshotObject object, format::decode_snapshot(payload));
  DRKIT_ASSIGN(const Bytes plain, open_shared(impl, format::Kind::snapshot_public, *object_id, object.sealed_public));
  DRKIT_ASSIGN(format::SnapshotPublic public_part, format::decode_snapshot_public(plain));
  if (public_part.fenced) return std::optional<LoadedSnapshot>();
  LoadedSnapshot loaded;
  loaded.value = std::move(public_part.value);
  loaded.value.id = id;
  loaded.predecessors = std::move(public_part.predecessors);
  loaded.object_digest = crypto::sha256(bytes);
  if (impl.keys.role == KeyRole::full) DRKIT_TRY(open_private(impl, *object_id, object, loaded));
  return std::optional(std::move(loaded));
}

/// The snapshots that no other one follows: they fix everything before them.
std::vector<format::Predecessor> heads_of(const std::vector<LoadedSnapshot>& snapshots) {
  std::set<std::string> followed;
  for (const LoadedSnapshot& snapshot : snapshots) {
    for (const format::Predecessor& predecessor : snapshot.predecessors) followed.insert(predecessor.id);
  }
  std::vector<format::Predecessor> heads;
  for (const LoadedSnapshot& snapshot : snapshots) {
    if (!followed.contains(snapshot.value.id)) heads.push_back({snapshot.value.id, snapshot.object_digest});
  }
  return heads;
}

Result<void> check_present(const std::map<std::string, format::Digest>& present, const std::set<std::string>& forgotten,
                           const format::Predecessor& expected) {
  const auto found = present.find(expected.id);
  if (found == present.end()) {
    if (forgotten.contains(expected.id)) return {};
    return Error(ErrorCode::corrupt, "a snapshot is missing and was never forgotten: the storage was rolled back")
        .with("key", std::string(kSnapshotPrefix) + expected.id);
  }
  if (found->second == expected.object_digest) return {};
  return Error(ErrorCode::corrupt, "a snapshot's object was replaced by another")
      .with("key", std::string(kSnapshotPrefix) + expected.id);
}

/// Ids that were forgotten. The tombstone is what forgets: a snapshot object beside it is a removal that did not
/// finish, or one that the storage brought back.
Result<std::set<std::string>> load_tombstones(const Context& ctx, Repository::Impl& impl) {
  std::set<std::string> forgotten;
  DRKIT_ASSIGN(const std::vector<std::string> tombstones, list_keys(ctx, *impl.storage, kTombstonePrefix));
  for (const std::string& key : tombstones) {
    const auto id = base::array_from_hex<16>(object_name(key));
    if (!id) return Error(ErrorCode::corrupt, "unknown object among the tombstones").with("key", key);
    DRKIT_ASSIGN(const Bytes sealed, get_object(ctx, *impl.storage, key, format::Kind::tombstone));
    if (!open_shared(impl, format::Kind::tombstone, *id, sealed)) {
      return Error(ErrorCode::corrupt, "a tombstone is forged or damaged").with("key", key);
    }
    forgotten.insert(std::string(object_name(key)));
  }
  return forgotten;
}

// Every snapshot named by a later one, or remembered by this machine, is there with the same bytes or was forgotten.
Result<void> check_history(Repository::Impl& impl, const std::vector<LoadedSnapshot>& snapshots,
                           const std::set<std::string>& forgotten) {
  std::map<std::string, format::Digest> present;
  for (const LoadedSnapshot& snapshot : snapshots) present[snapshot.value.id] = snapshot.object_digest;
  for (const LoadedSnapshot& snapshot : snapshots) {
    for (const format::Predecessor& expected : snapshot.predecessors) {
      DRKIT_TRY(check_present(present, forgotten, expected));
    }
  }
  DRKIT_ASSIGN(const std::vector<format::Predecessor> remembered, load_heads(impl));
  for (const format::Predecessor& expected : remembered) DRKIT_TRY(check_present(present, forgotten, expected));
  return store_heads(impl, heads_of(snapshots));
}

}  // namespace

Result<Lease> open_lease(const Context& ctx, Repository::Impl& impl, const std::string& host) {
  Lease lease;
  crypto::system_random().fill(lease.id);
  nlohmann::ordered_json json;
  json["host"] = host;
  json["process"] = ::getpid();
  json["time_ns"] = ctx.clock->wall_ns();
  json["program"] = "drkit " DRKIT_VERSION;
  const std::string text = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  DRKIT_ASSIGN(const Bytes sealed, seal_shared(impl, format::Kind::lease, lease.id, as_bytes(text)));
  DRKIT_TRY(put_object(ctx, *impl.storage, object_key(kLeasePrefix, lease.id), format::Kind::lease, sealed));
  return lease;
}

Result<void> close_lease(const Context& ctx, Repository::Impl& impl, const Lease& lease) {
  return impl.storage->remove(ctx, object_key(kLeasePrefix, lease.id));
}

Result<std::uint64_t> commit_snapshot(const Context& ctx, Repository::Impl& impl, const Lease& lease,
                                      const ContentKey& content_key, format::SnapshotPublic public_part,
                                      const format::SnapshotPrivate& private_part) {
  DRKIT_ASSIGN(const std::vector<LoadedSnapshot> before, load_snapshots(ctx, impl));
  public_part.predecessors = heads_of(before);
  format::SnapshotObject object;
  DRKIT_ASSIGN(object.sealed_public,
               seal_shared(impl, format::Kind::snapshot_public, lease.id, format::encode_snapshot_public(public_part)));
  object.content_key = content_key.sealed;
  DRKIT_ASSIGN(object.sealed_private,
               crypto::seal_bytes(content_key.key.view(), private_associated_data(impl, lease.id, object.sealed_public),
                                  format::encode_snapshot_private(private_part), crypto::system_random()));
  const Bytes bytes = format::wrap_envelope(format::Kind::snapshot, format::encode_snapshot(object));
  DRKIT_TRY(ctx.check_cancelled());
  const auto put = impl.storage->put(ctx, object_key(kSnapshotPrefix, lease.id), bytes, {.if_absent = true});
  if (!put && put.error().code() == ErrorCode::already_exists) {
    return Error(ErrorCode::precondition_failed,
                 "a prune took this backup for dead and forbade it to commit; run it again");
  }
  DRKIT_TRY(put);
  return bytes.size();
}

Result<std::optional<LoadedSnapshot>> load_snapshot(const Context& ctx, Repository::Impl& impl, const std::string& id) {
  const std::string key = std::string(kSnapshotPrefix) + id;
  DRKIT_ASSIGN(const Bytes bytes, get_bounded(ctx, *impl.storage, key, format::Kind::snapshot));
  auto loaded = decode_loaded(impl, id, bytes);
  if (!loaded) {
    Error error = std::move(loaded).error();
    return std::move(error).with("key", key);
  }
  return loaded;
}

Result<std::vector<LoadedSnapshot>> load_snapshots(const Context& ctx, Repository::Impl& impl) {
  DRKIT_ASSIGN(const std::vector<std::string> keys, list_keys(ctx, *impl.storage, kSnapshotPrefix));
  std::vector<LoadedSnapshot> snapshots;
  for (const std::string& key : keys) {
    auto loaded = load_snapshot(ctx, impl, std::string(object_name(key)));
    // Forgotten by someone else between the listing and now.
    if (!loaded && loaded.error().code() == ErrorCode::not_found) continue;
    if (!loaded) return std::move(loaded).error();
    if (*loaded) snapshots.push_back(std::move(**loaded));
  }
  std::sort(snapshots.begin(), snapshots.end(), [](const LoadedSnapshot& a, const LoadedSnapshot& b) {
    return std::pair(a.value.time_ns, a.value.id) < std::pair(b.value.time_ns, b.value.id);
  });
  // Listed after the snapshots: one that was forgotten meanwhile has its tombstone by now.
  DRKIT_ASSIGN(const std::set<std::string> forgotten, load_tombstones(ctx, impl));
  std::erase_if(snapshots, [&](const LoadedSnapshot& snapshot) { return forgotten.contains(snapshot.value.id); });
  DRKIT_TRY(check_history(impl, snapshots, forgotten));
  return snapshots;
}

Result<void> forget_snapshot(const Context& ctx, Repository::Impl& impl, const std::string& id) {
  DRKIT_ASSIGN(const std::optional<LoadedSnapshot> loaded, load_snapshot(ctx, impl, id));
  if (!loaded) return Error(ErrorCode::not_found, "no such snapshot").with("snapshot", id);
  const auto object_id = base::array_from_hex<16>(id);
  nlohmann::ordered_json json;
  json["time_ns"] = ctx.clock->wall_ns();
  json["sha256"] = base::to_hex(loaded->object_digest);
  DRKIT_ASSIGN(const Bytes sealed, seal_shared(impl, format::Kind::tombstone, *object_id, as_bytes(json.dump())));
  const auto put = put_object(ctx, *impl.storage, std::string(kTombstonePrefix) + id, format::Kind::tombstone, sealed);
  if (!put && put.error().code() != ErrorCode::already_exists) return put;
  return impl.storage->remove(ctx, std::string(kSnapshotPrefix) + id);
}

}  // namespace drkit::repo
