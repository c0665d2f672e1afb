// What must be there and can be missed without a key: the way in, and what leads from snapshots to their data.
#include <optional>

#include "engine/finding_list.hpp"
#include "format/keys.hpp"
#include "format/snapshot.hpp"
#include "repo/impl.hpp"
#include "repo/layout.hpp"

namespace drkit::engine {
namespace {

class PresenceCheck {
 public:
  PresenceCheck(const Context& ctx, Storage& storage, FindingList& findings)
      : ctx_(ctx), storage_(storage), findings_(findings) {}

  Result<void> run() {
    DRKIT_TRY(look_for_a_way_in());
    DRKIT_ASSIGN(const bool index, any(repo::kIndexPrefix));
    DRKIT_ASSIGN(const bool meta, any(repo::kMetaPrefix));
    if (index && meta) return look_for_a_snapshot();
    DRKIT_ASSIGN(const bool snapshot, has_live_snapshot());
    if (snapshot && !index) lose("index_missing", repo::kIndexPrefix, "snapshots are there and no index object is");
    if (snapshot && !meta) lose("manifests_missing", repo::kMetaPrefix, "snapshots are there and no manifest is");
    return {};
  }

 private:
  Result<void> look_for_a_way_in() {
    DRKIT_ASSIGN(const std::vector<std::string> keys, repo::list_keys(ctx_, storage_, repo::kSlotPrefix));
    const auto there = storage_.stat(ctx_, repo::kConfigKey);
    if (!there && there.error().code() != ErrorCode::not_found) return there.error();
    if (!there) lose("config_missing", repo::kConfigKey, "without its configuration nobody opens the repository");
    DRKIT_ASSIGN(const auto config, read(repo::kConfigKey, format::Kind::config));
    const auto decoded =
        config ? format::decode_config(*config) : Result<format::Config>(Error(ErrorCode::corrupt, ""));
    for (const std::string& key : keys) {
      if (!repo::has_name_of<16>(key, repo::kSlotPrefix)) continue;
      DRKIT_ASSIGN(const auto payload, read(key, format::Kind::key_slot));
      if (!payload) continue;
      const auto slot = format::decode_slot(*payload);
      // One that a creation left behind which was cut short opens another repository, that never was.
      if (slot && (!decoded || slot->header.repository == decoded->repository)) return {};
    }
    lose("no_key_slot", repo::kSlotPrefix,
         "no usable key slot is left: nobody can open the repository, whatever they know");
    return {};
  }

  // Damage is told by the check of the objects: here it is nothing that could be counted on.
  Result<std::optional<Bytes>> read(std::string_view key, format::Kind kind) {
    auto payload = repo::get_object(ctx_, storage_, key, kind);
    if (payload) return std::optional(std::move(*payload));
    if (repo::is_unusable(payload.error())) return std::optional<Bytes>();
    return std::move(payload).error();
  }

  Result<bool> any(std::string_view prefix) {
    bool found = false;
    DRKIT_TRY(storage_.list(ctx_, prefix, [&](const ObjectInfo&) {
      found = true;
      return false;
    }));
    return found;
  }

  // What forbids a writer to commit lies where its snapshot would, and has no private part.
  Result<bool> has_live_snapshot() {
    DRKIT_ASSIGN(const std::vector<std::string> keys, repo::list_keys(ctx_, storage_, repo::kSnapshotPrefix));
    for (const std::string& key : keys) {
      DRKIT_TRY(ctx_.check_cancelled());
      const auto forgotten =
          storage_.stat(ctx_, std::string(repo::kTombstonePrefix) + std::string(repo::object_name(key)));
      if (forgotten) continue;
      if (forgotten.error().code() != ErrorCode::not_found) return forgotten.error();
      DRKIT_ASSIGN(const auto payload, read(key, format::Kind::snapshot));
      if (!payload) continue;
      const auto object = format::decode_snapshot(*payload);
      if (object && !object->sealed_private.empty()) return true;
    }
    return false;
  }

  Result<void> look_for_a_snapshot() {
    DRKIT_ASSIGN(const bool snapshot, any(repo::kSnapshotPrefix));
    DRKIT_ASSIGN(const bool tombstone, any(repo::kTombstonePrefix));
    if (snapshot || tombstone) return {};
    findings_.add({Severity::warning, "no_snapshot", std::string(repo::kSnapshotPrefix),
                   "backed up data is there and no snapshot: the first backup has not finished, or all were removed"});
    return {};
  }

  void lose(std::string code, std::string_view subject, std::string message) {
    findings_.add({Severity::damage, std::move(code), std::string(subject), std::move(message)});
  }

  const Context& ctx_;
  Storage& storage_;
  FindingList& findings_;
};

}  // namespace

Result<void> run_presence_check(const Context& ctx, Storage& storage, FindingList& findings) {
  return PresenceCheck(ctx, storage, findings).run();
}

}  // namespace drkit::engine
