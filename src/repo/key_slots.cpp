#include "repo/key_slots.hpp"

#include <algorithm>

#include "crypto/random.hpp"
#include "repo/keyring.hpp"
#include "repo/layout.hpp"

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

Result<std::vector<StoredSlot>> load_slots(const Context& ctx, Storage& storage) {
  DRKIT_ASSIGN(const std::vector<std::string> keys, list_keys(ctx, storage, kSlotPrefix));
  std::vector<StoredSlot> slots;
  for (const std::string& key : keys) {
    DRKIT_ASSIGN(StoredSlot slot, load_slot(ctx, storage, key));
    slots.push_back(std::move(slot));
  }
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

Result<OpenedSlot> open_any_slot(const Context& ctx, Repository::Impl& impl, const Credential& credential) {
  DRKIT_ASSIGN(const std::vector<std::string> names, list_keys(ctx, *impl.storage, kSlotPrefix));
  // A damaged slot locks nobody out who has another; it is named when nothing else opens.
  std::optional<Error> damage;
  for (const std::string& name : names) {
    DRKIT_TRY(ctx.check_cancelled());
    auto loaded = load_slot(ctx, *impl.storage, name);
    if (!loaded && loaded.error().code() == ErrorCode::not_found) continue;
    if (!loaded && loaded.error().code() != ErrorCode::corrupt) return std::move(loaded).error();
    if (!loaded) {
      damage = std::move(loaded).error();
      ctx.write_log(LogLevel::warning, "key slot left out: " + damage->to_string());
      continue;
    }
    const StoredSlot& stored = *loaded;
    auto keys = open_slot(stored.slot, impl.id, stored.id, credential);
    if (!keys && keys.error().code() == ErrorCode::bad_key) continue;
    if (!keys) return Error(std::move(keys).error()).with("key", object_key(kSlotPrefix, stored.id));
    if (keys->role == KeyRole::full && !slot_is_authentic(stored.slot, impl.id, stored.id, keys->admin_key)) {
      return Error(ErrorCode::corrupt, "key slot is forged").with("key", object_key(kSlotPrefix, stored.id));
    }
    return OpenedSlot{base::to_hex(stored.id), std::move(*keys)};
  }
  if (damage) return std::move(*damage);
  return Error(ErrorCode::bad_key, "wrong password or key: it opens none of the repository's " +
                                       std::to_string(names.size()) + " key slots");
}

Result<KeySlot> put_password_slot(const Context& ctx, Repository::Impl& impl, const Secret& password, KeyRole role,
                                  std::string label, PasswordCost cost) {
  DRKIT_TRY(require_full(impl));
  if (password.empty()) return Error(ErrorCode::invalid_argument, "the password is empty");
  const format::ObjectId id = new_id();
  DRKIT_ASSIGN(format::Slot slot, seal_password_slot(impl.keys, impl.id, id, password, cost,
                                                     {role, std::move(label), ctx.clock->wall_ns()}));
  return put_slot(ctx, *impl.storage, id, std::move(slot));
}

Result<KeySlot> put_recipient_slot(const Context& ctx, Repository::Impl& impl, std::string_view recipient, KeyRole role,
                                   std::string label) {
  DRKIT_TRY(require_full(impl));
  DRKIT_ASSIGN(const crypto::PublicKey public_key, parse_public_key(recipient));
  const format::ObjectId id = new_id();
  DRKIT_ASSIGN(format::Slot slot,
               seal_recipient_slot(impl.keys, impl.id, id, public_key, {role, std::move(label), ctx.clock->wall_ns()}));
  return put_slot(ctx, *impl.storage, id, std::move(slot));
}

}  // namespace drkit::repo

namespace drkit {

using namespace repo;

Result<std::vector<KeySlot>> Repository::keys(const Context& ctx) const {
  DRKIT_ASSIGN(const std::vector<StoredSlot> stored, load_slots(ctx, *impl_->storage));
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
  DRKIT_ASSIGN(const std::vector<KeySlot> slots, keys(ctx));
  const auto found = std::find_if(slots.begin(), slots.end(), [&](const KeySlot& s) { return s.id == slot_id; });
  if (found == slots.end()) return Error(ErrorCode::not_found, "no such key slot").with("slot", slot_id);
  if (slot_id == impl_->slot_id) {
    return Error(ErrorCode::precondition_failed,
                 "the repository was opened with this key: open it with another to remove it");
  }
  const auto full = std::count_if(slots.begin(), slots.end(), [](const KeySlot& s) { return s.role == KeyRole::full; });
  if (found->role == KeyRole::full && full == 1) {
    return Error(ErrorCode::precondition_failed, "this is the last full key: without it nothing can be restored");
  }
  return impl_->storage->remove(ctx, std::string(kSlotPrefix) + slot_id);
}

Result<std::vector<KeySlot>> Repository::rotate_key(const Context& ctx, const Credential& own) {
  DRKIT_TRY(require_full(*impl_));
  DRKIT_ASSIGN(const std::vector<KeySlot> old_slots, keys(ctx));
  format::KeySet rotated = clone_key_set(impl_->keys);
  add_data_key(rotated);
  std::swap(impl_->keys, rotated);
  // New slots are durable before any old one goes: a crash leaves both, and either opens the repository.
  std::vector<KeySlot> lost;
  std::string own_slot;
  const KeySlot* own_old = nullptr;
  for (const KeySlot& slot : old_slots) {
    if (!slot.is_password) {
      DRKIT_ASSIGN(const KeySlot renewed, put_recipient_slot(ctx, *impl_, slot.public_key, slot.role, slot.label));
      if (slot.id == impl_->slot_id) own_slot = renewed.id;
    } else if (slot.id == impl_->slot_id && own.password) {
      own_old = &slot;
    } else {
      lost.push_back(slot);
    }
  }
  if (own_old != nullptr) {
    DRKIT_ASSIGN(const KeySlot renewed,
                 put_password_slot(ctx, *impl_, *own.password, own_old->role, own_old->label, {}));
    own_slot = renewed.id;
  }
  if (own_slot.empty()) {
    std::swap(impl_->keys, rotated);
    return Error(ErrorCode::invalid_argument, "rotating needs the credential that opened the repository");
  }
  impl_->slot_id = own_slot;
  for (const KeySlot& slot : old_slots) DRKIT_TRY(impl_->storage->remove(ctx, std::string(kSlotPrefix) + slot.id));
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
