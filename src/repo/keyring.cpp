#include "repo/keyring.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "crypto/chunk_id.hpp"
#include "crypto/cipher.hpp"
#include "crypto/kdf.hpp"
#include "crypto/sha256.hpp"
#include "crypto/sodium.hpp"

namespace drkit::repo {
namespace {

constexpr std::string_view kPublicPrefix = "drkit-pub-1";
constexpr std::string_view kSecretPrefix = "drkit-key-1";

Secret random_key() {
  Secret key = Secret::zeros(32);
  crypto::system_random().fill(key.writable());
  return key;
}

Bytes slot_associated_data(const format::Slot& slot, const format::RepositoryId& repository,
                           const format::ObjectId& id) {
  Bytes identity(id.begin(), id.end());
  const Bytes header = format::encode_slot_header(slot.header);
  identity.insert(identity.end(), header.begin(), header.end());
  return format::associated_data(format::Kind::key_set, repository, identity);
}

Bytes tagged_bytes(const format::Slot& slot, const format::RepositoryId& repository, const format::ObjectId& id) {
  Bytes identity(id.begin(), id.end());
  const Bytes body = format::encode_slot_body(slot);
  identity.insert(identity.end(), body.begin(), body.end());
  return format::associated_data(format::Kind::key_slot, repository, identity);
}

// The signed bytes hold secrets, hence their digest: a Secret cannot grow.
Bytes signed_bytes(const format::KeySet& keys, const format::RepositoryId& repository) {
  return format::associated_data(format::Kind::key_set, repository,
                                 crypto::sha256(format::encode_shared_keys(keys).view()));
}

Result<void> sign_keys(format::KeySet& keys, const format::RepositoryId& repository) {
  DRKIT_ASSIGN(const crypto::SigningKeyPair signer, crypto::signing_key_pair_from_seed(keys.signing_secret.view()));
  DRKIT_ASSIGN(keys.signature, crypto::sign(signer, signed_bytes(keys, repository)));
  return {};
}

// Secret halves belong to their public ones, and the list of keys is the signing key's.
Result<void> check_keys(const format::KeySet& keys, const format::RepositoryId& repository) {
  if (!crypto::verify(keys.signing_public, signed_bytes(keys, repository), keys.signature)) {
    return format::corrupt("key slot", "its list of keys was not signed by the repository's owner");
  }
  if (keys.role != KeyRole::full) return {};
  DRKIT_ASSIGN(const crypto::SigningKeyPair signer, crypto::signing_key_pair_from_seed(keys.signing_secret.view()));
  bool pairs = signer.public_key == keys.signing_public;
  for (const format::DataKey& data_key : keys.data_keys) {
    DRKIT_ASSIGN(const crypto::KeyPair pair, crypto::key_pair_from_secret(data_key.secret_key));
    pairs = pairs && pair.public_key == data_key.public_key;
  }
  return pairs ? Result<void>() : format::corrupt("key slot", "a secret key does not belong to its public key");
}

crypto::Argon2Params params_of(const format::SlotHeader& header) {
  return {.ops = header.operations, .memory_bytes = header.memory_bytes};
}

Result<format::Slot> finish_slot(const format::KeySet& keys, const format::RepositoryId& repository,
                                 const format::ObjectId& id, format::Slot slot, const Secret& wrapping_key) {
  format::KeySet owned = clone_key_set(keys);
  DRKIT_TRY(sign_keys(owned, repository));
  const Secret plain = format::encode_key_set(owned, slot.header.role);
  const Bytes associated = slot_associated_data(slot, repository, id);
  DRKIT_ASSIGN(Bytes sealed,
               crypto::seal_bytes(wrapping_key.view(), associated, plain.view(), crypto::system_random()));
  slot.sealed_key_set.insert(slot.sealed_key_set.end(), sealed.begin(), sealed.end());
  slot.tag = keyed_tag(keys.admin_key, tagged_bytes(slot, repository, id));
  return slot;
}

// A recipient's slot begins with the wrapping key in a box; a password's wrapping key comes from the password.
Result<Secret> unwrap_key(const format::Slot& slot, const Credential& credential, ByteView& sealed) {
  if (slot.header.is_password) {
    if (!credential.password) return Error(ErrorCode::bad_key, "slot needs a password");
    if (!crypto::argon2_params_acceptable(params_of(slot.header))) {
      return format::corrupt("key slot", "asks for more Argon2id memory or passes than this build accepts");
    }
    return crypto::argon2id(*credential.password, slot.header.salt, params_of(slot.header));
  }
  if (!credential.key) return Error(ErrorCode::bad_key, "slot needs a key file");
  DRKIT_ASSIGN(const crypto::KeyPair pair, parse_secret_key(*credential.key));
  if (pair.public_key != slot.header.public_key) return Error(ErrorCode::bad_key, "slot is another recipient's");
  constexpr std::size_t kBoxBytes = 32 + crypto::kBoxOverheadBytes;
  if (sealed.size() < kBoxBytes) return format::corrupt("key slot", "is damaged");
  const ByteView box = sealed.first(kBoxBytes);
  sealed = sealed.subspan(kBoxBytes);
  return crypto::open_box(pair, box);
}

}  // namespace

format::Key keyed_tag(const Secret& key, ByteView bytes) {
  // Keyed BLAKE2b of SHA-256, the same construction as a chunk id under an independent key.
  return crypto::chunk_id(crypto::derive_key(key, "drkit tag"), crypto::sha256(bytes));
}

void add_data_key(format::KeySet& keys) {
  crypto::KeyPair pair = crypto::generate_key_pair(crypto::system_random());
  format::DataKey data_key;
  data_key.generation = keys.data_keys.empty() ? 1 : keys.data_keys.back().generation + 1;
  data_key.public_key = pair.public_key;
  data_key.secret_key = std::move(pair.secret_key);
  keys.data_keys.push_back(std::move(data_key));
}

Result<format::KeySet> generate_key_set() {
  DRKIT_TRY(crypto::ready());
  format::KeySet keys;
  keys.id_key = random_key();
  keys.chunker_key = random_key();
  keys.index_key = random_key();
  keys.admin_key = random_key();
  keys.signing_secret = random_key();
  DRKIT_ASSIGN(const crypto::SigningKeyPair signer, crypto::signing_key_pair_from_seed(keys.signing_secret.view()));
  keys.signing_public = signer.public_key;
  add_data_key(keys);
  return keys;
}

format::KeySet clone_key_set(const format::KeySet& keys) {
  format::KeySet copy;
  copy.role = keys.role;
  copy.id_key = keys.id_key.clone();
  copy.chunker_key = keys.chunker_key.clone();
  copy.index_key = keys.index_key.clone();
  copy.admin_key = keys.admin_key.clone();
  copy.signing_public = keys.signing_public;
  copy.signing_secret = keys.signing_secret.clone();
  copy.signature = keys.signature;
  for (const format::DataKey& key : keys.data_keys) {
    copy.data_keys.push_back({key.generation, key.public_key, key.secret_key.clone()});
  }
  return copy;
}

std::string print_public_key(const crypto::PublicKey& key) { return std::string(kPublicPrefix) + base::to_hex(key); }

Result<crypto::PublicKey> parse_public_key(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.starts_with(kPublicPrefix)) {
    if (const auto key = base::array_from_hex<32>(text.substr(kPublicPrefix.size()))) return *key;
  }
  return Error(ErrorCode::invalid_argument, "no public key: expected drkit-pub-1 and 64 hexadecimal digits");
}

Result<crypto::KeyPair> parse_secret_key(const Secret& secret) {
  std::string_view text = as_text(secret.view());
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.starts_with(kSecretPrefix)) {
    if (const auto key = base::array_from_hex<32>(text.substr(kSecretPrefix.size()))) {
      return crypto::key_pair_from_secret(Secret::copy_of(*key));
    }
  }
  return Error(ErrorCode::invalid_argument, "no key file: expected drkit-key-1 and 64 hexadecimal digits");
}

Result<format::Slot> seal_password_slot(const format::KeySet& keys, const format::RepositoryId& repository,
                                        const format::ObjectId& id, const Secret& password, PasswordCost cost,
                                        SlotRequest request) {
  format::Slot slot;
  slot.header.repository = repository;
  slot.header.is_password = true;
  slot.header.role = request.role;
  slot.header.created_ns = request.created_ns;
  slot.header.label = std::move(request.label);
  slot.header.operations = cost.operations;
  slot.header.memory_bytes = cost.memory_bytes;
  crypto::system_random().fill(slot.header.salt);
  DRKIT_ASSIGN(const Secret key, crypto::argon2id(password, slot.header.salt, params_of(slot.header)));
  return finish_slot(keys, repository, id, std::move(slot), key);
}

Result<format::Slot> seal_recipient_slot(const format::KeySet& keys, const format::RepositoryId& repository,
                                         const format::ObjectId& id, const crypto::PublicKey& recipient,
                                         SlotRequest request) {
  format::Slot slot;
  slot.header.repository = repository;
  slot.header.role = request.role;
  slot.header.created_ns = request.created_ns;
  slot.header.label = std::move(request.label);
  slot.header.public_key = recipient;
  const Secret key = random_key();
  DRKIT_ASSIGN(slot.sealed_key_set, crypto::seal_box(recipient, key.view()));
  return finish_slot(keys, repository, id, std::move(slot), key);
}

Result<format::KeySet> open_slot(const format::Slot& slot, const format::RepositoryId& repository,
                                 const format::ObjectId& id, const Credential& credential) {
  ByteView sealed = slot.sealed_key_set;
  DRKIT_ASSIGN(const Secret key, unwrap_key(slot, credential, sealed));
  if (sealed.size() < crypto::kNonceBytes + crypto::kTagBytes) return format::corrupt("key slot", "is damaged");
  Secret plain = Secret::zeros(sealed.size() - crypto::kNonceBytes - crypto::kTagBytes);
  const Bytes associated = slot_associated_data(slot, repository, id);
  const auto opened = crypto::open(key.view(), sealed.first(crypto::kNonceBytes), associated,
                                   sealed.subspan(crypto::kNonceBytes), plain.writable());
  if (!opened) return Error(ErrorCode::bad_key, "password or key does not open this slot");
  DRKIT_ASSIGN(format::KeySet keys, format::decode_key_set(plain.view()));
  if (keys.role != slot.header.role) return format::corrupt("key slot", "role differs from the keys inside");
  DRKIT_TRY(check_keys(keys, repository));
  return keys;
}

bool slot_is_authentic(const format::Slot& slot, const format::RepositoryId& repository, const format::ObjectId& id,
                       const Secret& admin_key) {
  return keyed_tag(admin_key, tagged_bytes(slot, repository, id)) == slot.tag;
}

}  // namespace drkit::repo
