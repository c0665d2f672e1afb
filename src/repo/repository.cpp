// Creating, opening and listing repositories.
#include <drkit/repository.hpp>
#include <drkit/storage.hpp>

#include <algorithm>

#include "base/posix_file.hpp"
#include "crypto/random.hpp"
#include "crypto/sodium.hpp"
#include "repo/impl.hpp"
#include "repo/key_slots.hpp"
#include "repo/keyring.hpp"
#include "repo/layout.hpp"
#include "repo/memory_of_heads.hpp"
#include "repo/snapshots.hpp"

namespace drkit {
namespace {

constexpr std::uint64_t kIndexCacheBytes = std::uint64_t{1} << 30;

Result<void> require_empty(const Context& ctx, Storage& storage) {
  const auto config = storage.stat(ctx, repo::kConfigKey);
  if (config)
    return Error(ErrorCode::already_exists, "a repository is here already").with("storage", storage.info().name);
  if (config.error().code() != ErrorCode::not_found) return config.error();
  // Key slots alone are what a creation that was cut short left behind, or those of one that goes on right now: the
  // configuration decides whose the place is.
  std::string other;
  DRKIT_TRY(storage.list(ctx, "", [&](const ObjectInfo& info) {
    const bool slot = repo::has_name_of<16>(info.key, repo::kSlotPrefix);
    if (!slot) other = info.key;
    return slot;
  }));
  if (other.empty()) return {};
  return Error(ErrorCode::precondition_failed, "the place is not empty: a repository needs one of its own")
      .with("storage", storage.info().name)
      .with("found", other);
}

Result<format::Config> load_config(const Context& ctx, Storage& storage) {
  const auto payload = repo::get_object(ctx, storage, repo::kConfigKey, format::Kind::config);
  if (!payload && payload.error().code() == ErrorCode::not_found) {
    return Error(ErrorCode::not_found, "no repository here").with("storage", storage.info().name);
  }
  DRKIT_TRY(payload);
  DRKIT_ASSIGN(const format::Config config, format::decode_config(*payload));
  DRKIT_TRY(repo::require_known(config.features.read, "opening it"));
  return config;
}

Result<void> make_cache(Repository::Impl& impl, const std::string& root) {
  impl.cache_directory = root + "/" + base::to_hex(impl.id);
  DRKIT_TRY(base::make_directories(impl.cache_directory));
  const std::string scheme = impl.storage->info().scheme;
  if (scheme == "file" || scheme == "mem") return {};
  DRKIT_ASSIGN(impl.index_storage, with_cache(impl.storage, impl.cache_directory + "/index", kIndexCacheBytes));
  return {};
}

// What is stored and given back does not depend on a cache: a command of an account without a home must work, too.
void go_without_cache(const Context& ctx, Repository::Impl& impl, std::string& root, const Error& why) {
  ctx.write_log(LogLevel::warning,
                "there is no local cache, nor a memory that would notice an older copy of the repository put in its "
                "place: " +
                    why.to_string());
  impl.cache_directory.clear();
  impl.index_storage = impl.storage;
  root.clear();
}

Result<void> take_options(const Context& ctx, Repository::Impl& impl, OpenOptions& options) {
  if (options.memory_bytes < (64ULL << 20)) {
    return Error(ErrorCode::invalid_argument, "memory budget is below 64 MiB");
  }
  impl.budget = repo::Budget::of(options.memory_bytes, options.parallel);
  impl.index_storage = impl.storage;
  if (options.cache_directory.empty()) return {};
  const auto made = make_cache(impl, options.cache_directory);
  if (!made) go_without_cache(ctx, impl, options.cache_directory, made.error());
  return {};
}

format::Key config_tag(const Repository::Impl& impl, const format::Config& config) {
  return repo::keyed_tag(impl.keys.index_key,
                         format::associated_data(format::Kind::config, impl.id, format::encode_config_body(config)));
}

Result<Repository> make_handle(const Context& ctx, std::shared_ptr<Repository::Impl> impl, const format::Config& config,
                               std::string cache_root, bool created) {
  if (config_tag(*impl, config) != config.tag) {
    return Error(ErrorCode::corrupt, "configuration is forged or damaged").with("key", std::string(repo::kConfigKey));
  }
  const auto known = repo::check_known(*impl, cache_root, created);
  // What the memory says counts; that it cannot be asked is no more than not having one.
  if (!known && known.error().code() == ErrorCode::corrupt) return known.error();
  if (!known) go_without_cache(ctx, *impl, cache_root, known.error());
  return Repository(std::move(impl));
}

bool matches(const Snapshot& snapshot, const SnapshotFilter& filter) {
  for (const auto& [key, value] : filter.tags) {
    const auto found = snapshot.tags.find(key);
    if (found == snapshot.tags.end() || found->second != value) return false;
  }
  return filter.source.empty() || filter.source == snapshot.source_name ||
         filter.source == snapshot.source_kind + ":" + snapshot.source_name || filter.source == snapshot.source_kind;
}

Result<void> put_config(const Context& ctx, Storage& storage, const format::Config& config) {
  const Bytes payload = format::encode_config(config);
  DRKIT_TRY(repo::put_object(ctx, storage, repo::kConfigKey, format::Kind::config, payload));
  if (storage.info().conditional_create) return {};
  ctx.write_log(LogLevel::warning,
                "this storage has no atomic create: make sure that nobody else creates a repository here now");
  DRKIT_ASSIGN(const Bytes stored, repo::get_object(ctx, storage, repo::kConfigKey, format::Kind::config));
  if (stored == payload) return {};
  return Error(ErrorCode::already_exists, "someone else created a repository here at the same time");
}

// The configuration comes last: a repository exists from there on.
Result<void> put_first_objects(const Context& ctx, Repository::Impl& impl, const CreateOptions& options,
                               const format::Config& config, std::vector<std::string>& slots) {
  for (const Secret& password : options.passwords) {
    DRKIT_ASSIGN(const KeySlot slot,
                 repo::put_password_slot(ctx, impl, password, KeyRole::full, "", options.password_cost));
    slots.push_back(slot.id);
    if (impl.slot_id.empty()) impl.slot_id = slot.id;
  }
  for (const std::string& recipient : options.recipients) {
    DRKIT_ASSIGN(const KeySlot slot, repo::put_recipient_slot(ctx, impl, recipient, KeyRole::full, ""));
    slots.push_back(slot.id);
    if (impl.slot_id.empty()) impl.slot_id = slot.id;
  }
  return put_config(ctx, *impl.storage, config);
}

}  // namespace

Result<Repository> Repository::create(const Context& ctx, StoragePtr storage, CreateOptions options,
                                      OpenOptions open_options) {
  if (options.passwords.empty() && options.recipients.empty()) {
    return Error(ErrorCode::invalid_argument, "a repository needs a password or a recipient");
  }
  DRKIT_TRY(crypto::ready());
  DRKIT_TRY(require_empty(ctx, *storage));
  auto impl = std::make_shared<Impl>();
  impl->storage = std::move(storage);
  crypto::system_random().fill(impl->id);
  DRKIT_ASSIGN(impl->keys, repo::generate_key_set());
  DRKIT_TRY(take_options(ctx, *impl, open_options));
  format::Config config;
  config.repository = impl->id;
  config.created_ns = ctx.clock->wall_ns();
  config.tag = config_tag(*impl, config);
  std::vector<std::string> slots;
  const auto put = put_first_objects(ctx, *impl, options, config, slots);
  if (!put && put.error().code() == ErrorCode::already_exists) {
    // Someone else was quicker: their repository gets rid of these slots, which belong to none.
    for (const std::string& slot : slots) {
      const auto removed = impl->storage->remove(ctx, std::string(repo::kSlotPrefix) + slot);
      if (!removed) ctx.write_log(LogLevel::warning, "a useless key slot is left: " + removed.error().to_string());
    }
  }
  DRKIT_TRY(put);
  if (impl->storage->info().conditional_create) repo::remove_leftover_slots(ctx, *impl);
  return make_handle(ctx, std::move(impl), config, std::move(open_options.cache_directory), true);
}

Result<Repository> Repository::open(const Context& ctx, StoragePtr storage, OpenOptions options) {
  DRKIT_TRY(crypto::ready());
  DRKIT_ASSIGN(const format::Config config, load_config(ctx, *storage));
  auto impl = std::make_shared<Impl>();
  impl->storage = std::move(storage);
  impl->id = config.repository;
  impl->features = config.features;
  DRKIT_TRY(take_options(ctx, *impl, options));
  DRKIT_ASSIGN(repo::OpenedSlot slot, repo::open_any_slot(ctx, *impl, options.credential));
  impl->keys = std::move(slot.keys);
  impl->slot_id = std::move(slot.id);
  return make_handle(ctx, std::move(impl), config, std::move(options.cache_directory), false);
}

Result<std::string> read_repository_id(const Context& ctx, Storage& storage) {
  DRKIT_ASSIGN(const format::Config config, load_config(ctx, storage));
  return base::to_hex(config.repository);
}

std::string Repository::id() const { return base::to_hex(impl_->id); }
KeyRole Repository::role() const { return impl_->keys.role; }
StorageInfo Repository::storage_info() const { return impl_->storage->info(); }

Result<std::vector<Snapshot>> Repository::snapshots(const Context& ctx, const SnapshotFilter& filter,
                                                    std::vector<DamagedSnapshot>* damaged) const {
  DRKIT_ASSIGN(std::vector<repo::LoadedSnapshot> loaded, repo::load_snapshots(ctx, *impl_, damaged));
  std::vector<Snapshot> values;
  for (repo::LoadedSnapshot& snapshot : loaded) {
    if (matches(snapshot.value, filter)) values.push_back(std::move(snapshot.value));
  }
  return values;
}

static bool is_latest(std::string_view name) { return name == "latest" || name.starts_with("latest:"); }

// An older one in place of a damaged one would be a silent step back.
static Result<Snapshot> find_latest(const Context& ctx, const Repository& repository, std::string_view name) {
  SnapshotFilter filter;
  if (name.size() > 7) filter.source = std::string(name.substr(7));
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(std::vector<Snapshot> all, repository.snapshots(ctx, filter, &damaged));
  if (!damaged.empty()) {
    return Error(ErrorCode::corrupt,
                 "a damaged or missing snapshot may be the latest: name one by its id, or forget that one")
        .with("snapshot", damaged.front().id)
        .caused_by(std::move(damaged.front().error));
  }
  if (all.empty()) return Error(ErrorCode::not_found, "no such snapshot").with("snapshot", std::string(name));
  return std::move(all.back());
}

// By id, one snapshot is read and no other: what is damaged elsewhere keeps nobody from restoring it.
static Result<std::string> find_id(const Context& ctx, Repository::Impl& impl, std::string_view digits) {
  if (digits.size() < 4 || digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return Error(ErrorCode::invalid_argument, "a snapshot is named by 4 or more digits of its id, or latest");
  }
  DRKIT_ASSIGN(const std::vector<std::string> keys,
               repo::list_keys(ctx, *impl.storage, std::string(repo::kSnapshotPrefix) + std::string(digits)));
  std::vector<std::string> found;
  for (const std::string& key : keys) {
    const std::string id(repo::object_name(key));
    DRKIT_ASSIGN(const bool forgotten, repo::is_forgotten(ctx, impl, id));
    if (!forgotten && !repo::is_fence(ctx, impl, id)) found.push_back(id);
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.empty()) return Error(ErrorCode::not_found, "no such snapshot").with("snapshot", std::string(digits));
  return Error(ErrorCode::invalid_argument, "several snapshots begin with these digits")
      .with("snapshot", std::string(digits));
}

Result<Snapshot> Repository::find_snapshot(const Context& ctx, std::string_view name) const {
  if (is_latest(name)) return find_latest(ctx, *this, name);
  DRKIT_ASSIGN(const std::string id, find_id(ctx, *impl_, name));
  DRKIT_ASSIGN(std::optional<repo::LoadedSnapshot> loaded, repo::load_snapshot(ctx, *impl_, id));
  if (loaded) return std::move(loaded->value);
  return Error(ErrorCode::not_found, "no such snapshot").with("snapshot", std::string(name));
}

Result<std::string> Repository::find_snapshot_id(const Context& ctx, std::string_view name) const {
  constexpr std::size_t kWholeId = 32;
  if (name.size() == kWholeId) return std::string(name);
  if (!is_latest(name)) return find_id(ctx, *impl_, name);
  DRKIT_ASSIGN(const Snapshot latest, find_latest(ctx, *this, name));
  return latest.id;
}

Result<void> Repository::forget(const Context& ctx, const std::string& snapshot_id) {
  return repo::forget_snapshot(ctx, *impl_, snapshot_id);
}

}  // namespace drkit
