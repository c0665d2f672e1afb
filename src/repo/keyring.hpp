// Keyring: making key sets and opening slots with passwords and key files.
#pragma once

#include "crypto/box.hpp"
#include "format/keys.hpp"

namespace drkit::repo {

/// Fresh secrets for a new repository.
Result<format::KeySet> generate_key_set();
/// Adds a data key of the next generation.
void add_data_key(format::KeySet& keys);
format::KeySet clone_key_set(const format::KeySet& keys);

/// Text of a key file <-> key pair. Errors: invalid_argument.
Result<crypto::PublicKey> parse_public_key(std::string_view text);
std::string print_public_key(const crypto::PublicKey& key);
Result<crypto::KeyPair> parse_secret_key(const Secret& text);

struct SlotRequest {
  KeyRole role = KeyRole::full;
  std::string label;
  std::int64_t created_ns = 0;
};
Result<format::Slot> seal_password_slot(const format::KeySet& keys, const format::RepositoryId& repository,
                                        const format::ObjectId& id, const Secret& password, PasswordCost cost,
                                        SlotRequest request);
Result<format::Slot> seal_recipient_slot(const format::KeySet& keys, const format::RepositoryId& repository,
                                         const format::ObjectId& id, const crypto::PublicKey& recipient,
                                         SlotRequest request);

/// Errors: bad_key when the credential is not this slot's, corrupt when it is but the slot is forged.
Result<format::KeySet> open_slot(const format::Slot& slot, const format::RepositoryId& repository,
                                 const format::ObjectId& id, const Credential& credential);
/// Whether the slot was made by a holder of the full role.
bool slot_is_authentic(const format::Slot& slot, const format::RepositoryId& repository, const format::ObjectId& id,
                       const Secret& admin_key);

/// BLAKE2b-256 of bytes, keyed. REQUIRES: the bytes begin with their associated data, which says what they are.
format::Key keyed_tag(const Secret& key, ByteView bytes);

}  // namespace drkit::repo
