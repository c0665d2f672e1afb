#include "repo/snapshots.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <drkit/version.hpp>

#include "base/text_file.hpp"
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
std::vector<format::Predecessor> heads_of(const std::vector<LoadedSnapshot>& snapshots,
                                          const std::vector<DamagedSnapshot>& damaged = {}) {
  std::set<std::string> followed;
  for (const LoadedSnapshot& snapshot : snapshots) {
    for (const format::Predecessor& predecessor : snapshot.predecessors) followed.insert(predecessor.id);
  }
  std::vector<format::Predecessor> heads;
  for (const LoadedSnapshot& snapshot : snapshots) {
    if (!followed.contains(snapshot.value.id)) heads.push_back({snapshot.value.id, snapshot.object_digest});
  }
  // What is there now of a damaged one must not be fixed as what it was.
  for (const DamagedSnapshot& snapshot : damaged) {
    if (!followed.contains(snapshot.id)) heads.push_back({snapshot.id, {}});
  }
  return heads;
}

/// What a new snapshot follows: the heads, and some before them, so that its place in the order of all is known also
/// when the heads are forgotten.
std::vector<format::Predecessor> predecessors_of(const std::vector<LoadedSnapshot>& snapshots,
                                                 const std::vector<DamagedSnapshot>& damaged) {
  constexpr std::size_t kOlder = 16;
  std::vector<format::Predecessor> named = heads_of(snapshots, damaged);
  const std::size_t limit = named.size() + kOlder;
  for (auto snapshot = snapshots.rbegin(); snapshot != snapshots.rend() && named.size() < limit; ++snapshot) {
    const format::Predecessor one{snapshot->value.id, snapshot->object_digest};
    if (std::find(named.begin(), named.end(), one) == named.end()) named.push_back(one);
  }
  return named;
}

/// What is known of the snapshots when their history is checked.
struct History {
  std::map<std::string, format::Digest> present;
  std::set<std::string> forgotten;
  std::set<std::string> damaged;  ///< or missing, and said to be
};

std::string snapshot_key(const std::string& id) { return std::string(kSnapshotPrefix) + id; }

// Whether a snapshot was forgotten. Errors: corrupt when the tombstone is damaged or forged.
Result<bool> has_tombstone(const Context& ctx, Repository::Impl& impl, const std::string& key) {
  const auto id = base::array_from_hex<16>(object_name(key));
  if (!id) return Error(ErrorCode::corrupt, "unknown object among the tombstones").with("key", key);
  const auto sealed = get_object(ctx, *impl.storage, key, format::Kind::tombstone);
  if (!sealed && sealed.error().code() == ErrorCode::not_found) return false;
  DRKIT_TRY(sealed);
  if (open_shared(impl, format::Kind::tombstone, *id, *sealed)) return true;
  return Error(ErrorCode::corrupt, "a tombstone is forged or damaged").with("key", key);
}

Result<void> check_present(const Context& ctx, Repository::Impl& impl, const History& history,
                           const format::Predecessor& expected) {
  if (history.damaged.contains(expected.id)) return {};
  std::optional<format::Digest> digest;
  const auto found = history.present.find(expected.id);
  if (found != history.present.end()) {
    digest = found->second;
  } else {
    if (history.forgotten.contains(expected.id)) return {};
    // A listing is no single moment: committed, or forgotten, since then?
    const auto bytes = impl.storage->get(ctx, snapshot_key(expected.id), {});
    if (!bytes && bytes.error().code() != ErrorCode::not_found) return bytes.error();
    if (bytes) digest = crypto::sha256(*bytes);
  }
  if (!digest) {
    DRKIT_ASSIGN(const bool forgotten, has_tombstone(ctx, impl, std::string(kTombstonePrefix) + expected.id));
    if (forgotten) return {};
    return Error(ErrorCode::corrupt,
                 "a snapshot is missing and was never forgotten: the storage was rolled back, or lost it; bring its "
                 "newer state back, or forget the snapshot")
        .with("key", snapshot_key(expected.id));
  }
  if (*digest == expected.object_digest || expected.object_digest == format::Digest{}) return {};
  return Error(ErrorCode::corrupt, "a snapshot's object was replaced by another")
      .with("key", snapshot_key(expected.id));
}

/// Ids that were forgotten. The tombstone is what forgets: a snapshot object beside it is a removal that did not
/// finish, or one that the storage brought back.
Result<std::set<std::string>> load_tombstones(const Context& ctx, Repository::Impl& impl) {
  std::set<std::string> forgotten;
  DRKIT_ASSIGN(const std::vector<std::string> tombstones, list_keys(ctx, *impl.storage, kTombstonePrefix));
  for (const std::string& key : tombstones) {
    if (!has_name_of<16>(key, kTombstonePrefix)) continue;
    DRKIT_ASSIGN(const bool valid, has_tombstone(ctx, impl, key));
    if (valid) forgotten.insert(std::string(object_name(key)));
  }
  return forgotten;
}

// Every snapshot named by a later one, or remembered by this machine, is there with the same bytes or was forgotten:
// others move to the damaged.
Result<void> check_history(const Context& ctx, Repository::Impl& impl, std::vector<LoadedSnapshot>& snapshots,
                           std::set<std::string> forgotten, std::vector<DamagedSnapshot>& damaged) {
  History history;
  history.forgotten = std::move(forgotten);
  for (const DamagedSnapshot& snapshot : damaged) history.damaged.insert(snapshot.id);
  for (const LoadedSnapshot& snapshot : snapshots) history.present[snapshot.value.id] = snapshot.object_digest;
  const auto check = [&](const format::Predecessor& expected) -> Result<void> {
    auto there = check_present(ctx, impl, history, expected);
    if (there || there.error().code() != ErrorCode::corrupt) return there;
    history.damaged.insert(expected.id);
    const bool missing = !history.present.contains(expected.id);
    damaged.push_back({expected.id, std::move(there).error(), missing});
    return {};
  };
  for (const LoadedSnapshot& snapshot : snapshots) {
    for (const format::Predecessor& expected : snapshot.predecessors) DRKIT_TRY(check(expected));
  }
  DRKIT_ASSIGN(const std::vector<format::Predecessor> remembered, load_heads(impl));
  for (const format::Predecessor& expected : remembered) DRKIT_TRY(check(expected));
  std::erase_if(snapshots, [&](const LoadedSnapshot& snapshot) { return history.damaged.contains(snapshot.value.id); });
  std::vector<format::Predecessor> heads = heads_of(snapshots);
  for (const format::Predecessor& expected : remembered) {
    // Another program saw more than this listing did; and what stands in the place of another is never remembered.
    const bool seen = history.present.contains(expected.id) && !history.damaged.contains(expected.id);
    if (!seen && !history.forgotten.contains(expected.id)) heads.push_back(expected);
  }
  store_heads(ctx, impl, heads);
  return {};
}

// The new snapshot follows all those that were heads before it.
void remember_commit(const Context& ctx, const Repository::Impl& impl,
                     const std::vector<format::Predecessor>& predecessors, const format::Predecessor& committed) {
  std::vector<format::Predecessor> heads{committed};
  if (const auto remembered = load_heads(impl)) {
    for (const format::Predecessor& head : *remembered) {
      if (std::find(predecessors.begin(), predecessors.end(), head) == predecessors.end()) heads.push_back(head);
    }
  }
  store_heads(ctx, impl, heads);
}

Result<std::vector<LoadedSnapshot>> load_without_history(const Context& ctx, Repository::Impl& impl,
                                                         std::vector<DamagedSnapshot>& damaged) {
  DRKIT_ASSIGN(const std::vector<std::string> keys, list_keys(ctx, *impl.storage, kSnapshotPrefix));
  std::vector<LoadedSnapshot> snapshots;
  for (const std::string& key : keys) {
    DRKIT_TRY(ctx.check_cancelled());
    if (!has_name_of<16>(key, kSnapshotPrefix)) continue;
    auto loaded = load_snapshot(ctx, impl, std::string(object_name(key)));
    // Forgotten by someone else between the listing and now.
    if (!loaded && loaded.error().code() == ErrorCode::not_found) continue;
    if (!loaded && loaded.error().code() == ErrorCode::corrupt) {
      damaged.push_back({std::string(object_name(key)), std::move(loaded).error(), false});
      continue;
    }
    if (!loaded) return std::move(loaded).error();
    if (*loaded) snapshots.push_back(std::move(**loaded));
  }
  return snapshots;
}

// Whether a snapshot that is not there is named by another one or remembered by this machine.
Result<bool> is_missed(const Context& ctx, Repository::Impl& impl, const std::string& id) {
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(const std::vector<LoadedSnapshot> snapshots, load_without_history(ctx, impl, damaged));
  DRKIT_ASSIGN(std::vector<format::Predecessor> named, load_heads(impl));
  for (const LoadedSnapshot& snapshot : snapshots) {
    named.insert(named.end(), snapshot.predecessors.begin(), snapshot.predecessors.end());
  }
  return std::any_of(named.begin(), named.end(), [&](const format::Predecessor& p) { return p.id == id; });
}

// Where the storage does not decide which of two puts is the first, the lease decides: docs/format/v1.md, 8.2.
Result<void> put_without_atomic_create(const Context& ctx, Repository::Impl& impl, const Lease& lease,
                                       ByteView object) {
  Storage& storage = *impl.storage;
  const std::string key = object_key(kSnapshotPrefix, lease.id);
  ctx.write_log(LogLevel::warning,
                "this storage has no atomic create: nothing in it may be pruned while a backup runs");
  const auto before = storage.stat(ctx, key);
  if (before) return Error(ErrorCode::already_exists, "an object of this name is there").with("key", key);
  if (before.error().code() != ErrorCode::not_found) return before.error();
  DRKIT_TRY(storage.put(ctx, key, object, {.if_absent = true}));
  // From here on the snapshot stands unless it is taken back: that must not be cancelled half way.
  Context uncancelled = ctx;
  uncancelled.cancel = CancelToken();
  const auto held = storage.stat(uncancelled, object_key(kLeasePrefix, lease.id));
  if (held) return {};
  DRKIT_TRY(storage.remove(uncancelled, key));
  if (held.error().code() != ErrorCode::not_found) return held.error();
  return Error(ErrorCode::already_exists, "the lease was removed").with("key", key);
}

Result<void> put_snapshot(const Context& ctx, Repository::Impl& impl, const Lease& lease, ByteView object) {
  const auto put = impl.storage->info().conditional_create
                       ? impl.storage->put(ctx, object_key(kSnapshotPrefix, lease.id), object, {.if_absent = true})
                       : put_without_atomic_create(ctx, impl, lease, object);
  if (put || put.error().code() != ErrorCode::already_exists) return put;
  return Error(ErrorCode::precondition_failed,
               "a prune took this backup for dead and forbade it to commit; run it again");
}

}  // namespace

Result<Lease> open_lease(const Context& ctx, Repository::Impl& impl, const std::string& host) {
  DRKIT_TRY(require_known(impl.features.write, "adding backups"));
  Lease lease;
  crypto::system_random().fill(lease.id);
  const Bytes text = format::encode_lease({host, base::process_id(), ctx.clock->wall_ns(), "drkit " DRKIT_VERSION});
  DRKIT_ASSIGN(const Bytes sealed, seal_shared(impl, format::Kind::lease, lease.id, text));
  DRKIT_TRY(put_object(ctx, *impl.storage, object_key(kLeasePrefix, lease.id), format::Kind::lease, sealed));
  return lease;
}

Result<void> close_lease(const Context& ctx, Repository::Impl& impl, const Lease& lease) {
  return impl.storage->remove(ctx, object_key(kLeasePrefix, lease.id));
}

Result<format::Digest> commit_snapshot(const Context& ctx, Repository::Impl& impl, const Lease& lease,
                                       const ContentKey& content_key, format::SnapshotPublic public_part,
                                       const format::SnapshotPrivate& private_part) {
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(const std::vector<LoadedSnapshot> before, load_snapshots(ctx, impl, &damaged));
  for (const DamagedSnapshot& snapshot : damaged) {
    ctx.write_log(LogLevel::warning, "another snapshot is damaged or missing: " + snapshot.error.to_string());
  }
  public_part.predecessors = predecessors_of(before, damaged);
  format::SnapshotObject object;
  DRKIT_ASSIGN(object.sealed_public,
               seal_shared(impl, format::Kind::snapshot_public, lease.id, format::encode_snapshot_public(public_part)));
  object.content_key = content_key.sealed;
  DRKIT_ASSIGN(object.sealed_private,
               crypto::seal_bytes(content_key.key.view(), private_associated_data(impl, lease.id, object.sealed_public),
                                  format::encode_snapshot_private(private_part), crypto::system_random()));
  const Bytes bytes = format::wrap_envelope(format::Kind::snapshot, format::encode_snapshot(object));
  // What nobody would read must not be called committed.
  if (bytes.size() > format::max_object_bytes(format::Kind::snapshot)) {
    return Error(ErrorCode::invalid_argument, "tags, facts and problems are too many for one snapshot")
        .with("bytes", std::to_string(bytes.size()))
        .with("limit", std::to_string(format::max_object_bytes(format::Kind::snapshot)));
  }
  DRKIT_TRY(ctx.check_cancelled());
  DRKIT_TRY(put_snapshot(ctx, impl, lease, bytes));
  const format::Digest digest = crypto::sha256(bytes);
  remember_commit(ctx, impl, public_part.predecessors, {base::to_hex(lease.id), digest});
  return digest;
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

Result<std::vector<LoadedSnapshot>> load_snapshots(const Context& ctx, Repository::Impl& impl,
                                                   std::vector<DamagedSnapshot>* taken) {
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(std::vector<LoadedSnapshot> snapshots, load_without_history(ctx, impl, damaged));
  sort_by_history(snapshots);
  // Listed after the snapshots: one that was forgotten meanwhile has its tombstone by now.
  DRKIT_ASSIGN(const std::set<std::string> forgotten, load_tombstones(ctx, impl));
  std::erase_if(snapshots, [&](const LoadedSnapshot& snapshot) { return forgotten.contains(snapshot.value.id); });
  std::erase_if(damaged, [&](const DamagedSnapshot& snapshot) { return forgotten.contains(snapshot.id); });
  DRKIT_TRY(check_history(ctx, impl, snapshots, forgotten, damaged));
  if (!damaged.empty() && taken == nullptr) return std::move(damaged.front().error);
  if (taken != nullptr) *taken = std::move(damaged);
  return snapshots;
}

bool is_fence(const Context& ctx, Repository::Impl& impl, const std::string& id) {
  const auto loaded = load_snapshot(ctx, impl, id);
  return loaded.ok() && !*loaded;
}

Result<bool> is_forgotten(const Context& ctx, Repository::Impl& impl, const std::string& id) {
  return has_tombstone(ctx, impl, std::string(kTombstonePrefix) + id);
}

Result<void> forget_snapshot(const Context& ctx, Repository::Impl& impl, const std::string& id) {
  DRKIT_TRY(require_known(impl.features.remove, "forgetting snapshots"));
  const auto object_id = base::array_from_hex<16>(id);
  const Error absent = Error(ErrorCode::not_found, "no such snapshot").with("snapshot", id);
  if (!object_id) return absent;
  // A damaged or missing snapshot can be forgotten too: that is how its loss is accepted and the repository goes on.
  const auto loaded = load_snapshot(ctx, impl, id);
  if (!loaded && loaded.error().code() == ErrorCode::not_found) {
    DRKIT_ASSIGN(const bool forgotten, is_forgotten(ctx, impl, id));
    if (forgotten) return absent;
    DRKIT_ASSIGN(const bool missed, is_missed(ctx, impl, id));
    if (!missed) return absent;
  } else if (!loaded && loaded.error().code() != ErrorCode::corrupt) {
    return loaded.error();
  } else if (loaded && !*loaded) {
    return absent;
  }
  std::optional<format::Digest> digest;
  if (loaded) digest = (*loaded)->object_digest;
  const Bytes text = format::encode_tombstone(ctx.clock->wall_ns(), digest);
  DRKIT_ASSIGN(const Bytes sealed, seal_shared(impl, format::Kind::tombstone, *object_id, text));
  // The tombstone comes first: a snapshot that is gone without one would look like a storage that went back in time.
  const auto put =
      impl.storage->put(ctx, std::string(kTombstonePrefix) + id, format::wrap_envelope(format::Kind::tombstone, sealed),
                        {.if_absent = true, .makes_room = true});
  if (!put && put.error().code() == ErrorCode::no_space) {
    return Error(ErrorCode::no_space,
                 "no room for the note that it is forgotten: free some kilobytes beside the repository, then try again")
        .with("snapshot", id)
        .caused_by(put.error());
  }
  if (!put && put.error().code() != ErrorCode::already_exists) return put;
  return impl.storage->remove(ctx, snapshot_key(id));
}

}  // namespace drkit::repo
