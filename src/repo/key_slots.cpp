#include "repo/key_slots.hpp"

#include <algorithm>
#include <mutex>
#include <optional>

#include "crypto/random.hpp"
#include "repo/keyring.hpp"
#include "repo/layout.hpp"
#include "repo/snapshots.hpp"

namespace drkit::repo {
namespace {

struct StoredSlot {
  format::ObjectId id{};
  format::Slot slot;
};

Result<StoredSlot> load_slot(const Context& ctx, Storage& storage, const std::string& key) {
  const auto id = base::array_from_hex<16>(object_name(key));
  if (!id) return Error(ErrorCode::corrupt, "unknown object among the key slots").with("key", key);
  DRKIT_ASSIGN(const Bytes payload, get_object(ctx, storage, key, format::Kind::key_slot));
  auto slot = format::decode_slot(payload);
  if (!slot) return Error(std::move(slot).error()).with("key", key);
  return StoredSlot{*id, std::move(*slot)};
}

bool is_damage(const Error& error) {
  return error.code() == ErrorCode::corrupt || error.code() == ErrorCode::version_unsupported;
}

// Newest first. Damaged ones are left out when `damage` takes the first of their errors.
Result<std::vector<StoredSlot>> load_slots(const Context& ctx, const Repository::Impl& impl,
                                           std::optional<Error>* damage = nullptr) {
  Storage& storage = *impl.storage;
  DRKIT_ASSIGN(const std::vector<std::string> keys, list_keys(ctx, storage, kSlotPrefix));
  std::vector<StoredSlot> slots;
  for (const std::string& key : keys) {
    if (!has_name_of<16>(key, kSlotPrefix)) continue;
    auto slot = load_slot(ctx, storage, key);
    if (slot && slot->slot.header.repository != impl.id) {
      continue;  // left behind by a creation that was cut short
    } else if (slot) {
      slots.push_back(std::move(*slot));
    } else if (slot.error().code() == ErrorCode::not_found) {
      continue;  // removed since the listing
    } else if (damage == nullptr || !is_damage(slot.error())) {
      return std::move(slot).error();
    } else if (!*damage) {
      *damage = std::move(slot).error();
    }
  }
  std::stable_sort(slots.begin(), slots.end(), [](const StoredSlot& a, const StoredSlot& b) {
    return a.slot.header.created_ns > b.slot.header.created_ns;
  });
  return slots;
}

KeySlot describe(const StoredSlot& stored) {
  const format::SlotHeader& header = stored.slot.header;
  return {base::to_hex(stored.id),
          header.is_password,
          header.role,
          header.label,
          header.is_password ? "" : print_public_key(header.public_key),
          header.created_ns};
}

Result<KeySlot> put_slot(const Context& ctx, Storage& storage, const format::ObjectId& id, format::Slot slot) {
  DRKIT_TRY(put_object(ctx, storage, object_key(kSlotPrefix, id), format::Kind::key_slot, format::encode_slot(slot)));
  return describe({id, std::move(slot)});
}

Result<void> require_full(const Repository::Impl& impl) {
  if (impl.keys.role == KeyRole::full) return {};
  return Error(ErrorCode::permission_denied, "managing keys needs a full key");
}

format::ObjectId new_id() {
  format::ObjectId id;
  crypto::system_random().fill(id);
  return id;
}

}  // namespace

// One slot with one credential; a forged one is damage. Errors: bad_key when the credential is not this slot's.
static Result<format::KeySet> open_stored(const StoredSlot& stored, const format::RepositoryId& repository,
                                          const Credential& credential) {
  auto keys = open_slot(stored.slot, repository, stored.id, credential);
  if (!keys && keys.error().code() != ErrorCode::bad_key) {
    return Error(std::move(keys).error()).with("key", object_key(kSlotPrefix, stored.id));
  }
  if (keys && keys->role == KeyRole::full && !slot_is_authentic(stored.slot, repository, stored.id, keys->admin_key)) {
    return Error(ErrorCode::corrupt, "key slot is forged").with("key", object_key(kSlotPrefix, stored.id));
  }
  return keys;
}

// The newest slot first: one left over from a rotation that was cut short lacks the newest data key. A damaged slot
// does not keep out who holds another one.
Result<OpenedSlot> open_any_slot(const Context& ctx, Repository::Impl& impl, const Credential& credential) {
  std::optional<Error> damage;
  DRKIT_ASSIGN(const std::vector<StoredSlot> slots, load_slots(ctx, impl, &damage));
  for (const StoredSlot& stored : slots) {
    DRKIT_TRY(ctx.check_cancelled());
    auto keys = open_stored(stored, impl.id, credential);
    if (keys) {
      if (damage) ctx.write_log(LogLevel::warning, "another key slot is damaged: " + damage->to_string());
      return OpenedSlot{base::to_hex(stored.id), std::move(*keys)};
    }
    if (keys.error().code() == ErrorCode::bad_key) continue;
    if (!is_damage(keys.error())) return std::move(keys).error();
    if (!damage) damage = std::move(keys).error();
  }
  if (damage) return std::move(*damage);
  return Error(ErrorCode::bad_key, "wrong password or key: it opens none of the repository's " +
                                       std::to_string(slots.size()) + " key slots");
}

void remove_leftover_slots(const Context& ctx, const Repository::Impl& impl) {
  const auto keys = list_keys(ctx, *impl.storage, kSlotPrefix);
  if (!keys) return;
  for (const std::string& key : *keys) {
    const auto stored = load_slot(ctx, *impl.storage, key);
    if (!stored || stored->slot.header.repository == impl.id) continue;
    const auto removed = impl.storage->remove(ctx, key);
    if (!removed) ctx.write_log(LogLevel::warning, "a useless key slot is left: " + removed.error().to_string());
  }
}

Result<KeySlot> put_password_slot(const Context& ctx, Repository::Impl& impl, const Secret& password, KeyRole role,
                                  std::string label, PasswordCost cost) {
  DRKIT_TRY(require_full(impl));
  DRKIT_TRY(require_known(impl.features.write, "adding keys"));
  if (password.empty()) return Error(ErrorCode::invalid_argument, "the password is empty");
  const format::ObjectId id = new_id();
  DRKIT_ASSIGN(format::Slot slot, seal_password_slot(impl.keys, impl.id, id, password, cost,
                                                     {role, std::move(label), ctx.clock->wall_ns()}));
  return put_slot(ctx, *impl.storage, id, std::move(slot));
}

Result<KeySlot> put_recipient_slot(const Context& ctx, Repository::Impl& impl, std::string_view recipient, KeyRole role,
                                   std::string label) {
  DRKIT_TRY(require_full(impl));
  DRKIT_TRY(require_known(impl.features.write, "adding keys"));
  DRKIT_ASSIGN(const crypto::PublicKey public_key, parse_public_key(recipient));
  const format::ObjectId id = new_id();
  DRKIT_ASSIGN(format::Slot slot,
               seal_recipient_slot(impl.keys, impl.id, id, public_key, {role, std::move(label), ctx.clock->wall_ns()}));
  return put_slot(ctx, *impl.storage, id, std::move(slot));
}

// The rotating key's own slot is renewed first: until it is, nobody has the new data key.
static Result<void> put_own_first(std::vector<StoredSlot>& slots, const std::string& own_id) {
  const auto own =
      std::find_if(slots.begin(), slots.end(), [&](const StoredSlot& slot) { return base::to_hex(slot.id) == own_id; });
  if (own == slots.end()) {
    return Error(ErrorCode::precondition_failed, "the key that opened the repository was removed since");
  }
  std::rotate(slots.begin(), own, own + 1);
  return {};
}

// Of two that rotate at the same time one finds this object there: their keys would have the same generation.
static format::ObjectId rotation_id(const Repository::Impl& impl, std::uint32_t generation) {
  const format::Key tag = keyed_tag(impl.keys.index_key, as_bytes("drkit rotation " + std::to_string(generation)));
  format::ObjectId id;
  std::copy_n(tag.begin(), id.size(), id.begin());
  return id;
}

// A slot with the new key set for every recipient and for the own credential; answers the slots that cannot be renewed.
// The own slot is the first of both lists.
static Result<std::vector<KeySlot>> seal_again(const Repository::Impl& impl, const format::KeySet& rotated,
                                               const std::vector<StoredSlot>& old_slots, const Credential& own,
                                               const Context& ctx, std::vector<StoredSlot>& new_slots) {
  std::int64_t created_ns = ctx.clock->wall_ns();
  for (const StoredSlot& old : old_slots) created_ns = std::max(created_ns, old.slot.header.created_ns + 1);
  std::vector<KeySlot> lost;
  for (const StoredSlot& old : old_slots) {
    const format::SlotHeader& header = old.slot.header;
    if (header.is_password && &old != &old_slots.front()) {
      lost.push_back(describe(old));
      continue;
    }
    const bool is_own = &old == &old_slots.front();
    StoredSlot renewed{is_own ? rotation_id(impl, rotated.data_keys.back().generation) : new_id(), {}};
    SlotRequest request{header.role, header.label, created_ns};
    if (header.is_password) {
      DRKIT_ASSIGN(renewed.slot, seal_password_slot(rotated, impl.id, renewed.id, *own.password,
                                                    {header.operations, header.memory_bytes}, std::move(request)));
    } else {
      DRKIT_ASSIGN(renewed.slot,
                   seal_recipient_slot(rotated, impl.id, renewed.id, header.public_key, std::move(request)));
    }
    new_slots.push_back(std::move(renewed));
  }
  return lost;
}

static Result<void> put_all(const Context& ctx, Storage& storage, const std::vector<StoredSlot>& slots) {
  for (const StoredSlot& slot : slots) DRKIT_TRY(put_slot(ctx, storage, slot.id, slot.slot));
  return {};
}

// Only what is this rotation's: the own slot's id may be in use by another one's.
static void remove_all(const Context& ctx, Storage& storage, const std::vector<StoredSlot>& slots) {
  for (const StoredSlot& slot : slots) {
    const std::string key = object_key(kSlotPrefix, slot.id);
    const auto stored = get_object(ctx, storage, key, format::Kind::key_slot);
    if (stored && *stored != format::encode_slot(slot.slot)) continue;
    if (!stored && stored.error().code() == ErrorCode::not_found) continue;
    const auto removed = stored ? storage.remove(ctx, key) : Result<void>(stored.error());
    if (!removed) ctx.write_log(LogLevel::warning, "key slot left behind: " + removed.error().to_string());
  }
}

}  // namespace drkit::repo

namespace drkit {

using namespace repo;

Result<std::vector<KeySlot>> Repository::keys(const Context& ctx) const {
  DRKIT_ASSIGN(const std::vector<StoredSlot> stored, load_slots(ctx, *impl_));
  std::vector<KeySlot> slots;
  for (const StoredSlot& slot : stored) {
    if (role() == KeyRole::full && !slot_is_authentic(slot.slot, impl_->id, slot.id, impl_->keys.admin_key)) {
      return Error(ErrorCode::corrupt, "key slot is forged").with("key", object_key(kSlotPrefix, slot.id));
    }
    slots.push_back(describe(slot));
  }
  return slots;
}

Result<KeySlot> Repository::add_password(const Context& ctx, const Secret& password, KeyRole role, std::string label,
                                         PasswordCost cost) {
  return put_password_slot(ctx, *impl_, password, role, std::move(label), cost);
}

Result<KeySlot> Repository::add_recipient(const Context& ctx, std::string_view public_key, KeyRole role,
                                          std::string label) {
  return put_recipient_slot(ctx, *impl_, public_key, role, std::move(label));
}

Result<void> Repository::remove_key(const Context& ctx, const std::string& slot_id) {
  DRKIT_TRY(require_full(*impl_));
  DRKIT_TRY(require_known(impl_->features.remove, "removing keys"));
  DRKIT_ASSIGN(const std::vector<KeySlot> slots, keys(ctx));
  const auto found = std::find_if(slots.begin(), slots.end(), [&](const KeySlot& s) { return s.id == slot_id; });
  if (found == slots.end()) return Error(ErrorCode::not_found, "no such key slot").with("slot", slot_id);
  const std::shared_lock lock(impl_->rotation_mutex);
  if (slot_id == impl_->slot_id) {
    return Error(ErrorCode::precondition_failed,
                 "the repository was opened with this key: open it with another to remove it");
  }
  const auto full = std::count_if(slots.begin(), slots.end(), [](const KeySlot& s) { return s.role == KeyRole::full; });
  if (found->role == KeyRole::full && full == 1) {
    return Error(ErrorCode::precondition_failed, "this is the last full key: without it nothing can be restored");
  }
  const std::string key = std::string(kSlotPrefix) + slot_id;
  DRKIT_ASSIGN(const Bytes slot, get_bounded(ctx, *impl_->storage, key, format::Kind::key_slot));
  DRKIT_TRY(impl_->storage->remove(ctx, key));
  // Somebody may have removed the others at the same moment. That must not be cancelled half way.
  Context uncancelled = ctx;
  uncancelled.cancel = CancelToken();
  DRKIT_ASSIGN(const std::vector<KeySlot> left, keys(uncancelled));
  if (std::any_of(left.begin(), left.end(), [](const KeySlot& s) { return s.role == KeyRole::full; })) return {};
  DRKIT_TRY(impl_->storage->put(uncancelled, key, slot, {.if_absent = true}));
  return Error(ErrorCode::precondition_failed,
               "all other full keys were removed at the same time: this one was put back");
}

Result<std::vector<KeySlot>> Repository::rotate_key(const Context& ctx, const Credential& own) {
  DRKIT_TRY(require_full(*impl_));
  DRKIT_TRY(require_known(impl_->features.write | impl_->features.remove, "rotating keys"));
  // Slots that a rotation cut short left behind may hold data keys that this handle lacks: what they sealed must not be
  // lost with them. Whoever cannot read every snapshot may not rotate.
  DRKIT_TRY(load_snapshots(ctx, *impl_));
  DRKIT_TRY(keys(ctx));
  DRKIT_ASSIGN(std::vector<StoredSlot> old_slots, load_slots(ctx, *impl_));
  const std::unique_lock lock(impl_->rotation_mutex);
  DRKIT_TRY(put_own_first(old_slots, impl_->slot_id));
  DRKIT_TRY(open_stored(old_slots.front(), impl_->id, own));
  if (impl_->keys.data_keys.size() >= format::kMaxGenerations) {
    return Error(ErrorCode::precondition_failed, "the keys were rotated as often as a key set has room for")
        .with("generations", std::to_string(impl_->keys.data_keys.size()));
  }
  format::KeySet rotated = clone_key_set(impl_->keys);
  add_data_key(rotated);
  std::vector<StoredSlot> new_slots;
  DRKIT_ASSIGN(const std::vector<KeySlot> lost, seal_again(*impl_, rotated, old_slots, own, ctx, new_slots));
  DRKIT_TRY(open_stored(new_slots.front(), impl_->id, own));
  // New slots are durable before any old one goes: a crash leaves both, and either opens the repository.
  const auto stored = put_all(ctx, *impl_->storage, new_slots);
  if (!stored) remove_all(ctx, *impl_->storage, new_slots);
  if (!stored && stored.error().code() == ErrorCode::already_exists) {
    return Error(ErrorCode::precondition_failed,
                 "the keys were rotated by someone else, or are just now: open the repository again")
        .with("slot", base::to_hex(new_slots.front().id));
  }
  DRKIT_TRY(stored);
  // The new data key seals nothing before it is durable.
  impl_->keys.data_keys = std::move(rotated.data_keys);
  impl_->slot_id = base::to_hex(new_slots.front().id);
  for (const StoredSlot& slot : old_slots) {
    DRKIT_TRY(impl_->storage->remove(ctx, object_key(kSlotPrefix, slot.id)));
  }
  return lost;
}

Result<KeyFile> KeyFile::generate() {
  const crypto::KeyPair pair = crypto::generate_key_pair(crypto::system_random());
  return KeyFile{print_public_key(pair.public_key),
                 Secret::from_text("drkit-key-1" + base::to_hex(pair.secret_key.view()) + "\n")};
}

Result<KeyFile> KeyFile::parse(const Secret& text) {
  DRKIT_ASSIGN(const crypto::KeyPair pair, parse_secret_key(text));
  return KeyFile{print_public_key(pair.public_key), text.clone()};
}

}  // namespace drkit
