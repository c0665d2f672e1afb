// Key slots, key sets and the configuration object. Pure bytes <-> values.
#pragma once

#include <string>
#include <vector>

#include <drkit/repository.hpp>
#include <drkit/secret.hpp>

#include "format/common.hpp"

namespace drkit::format {

/// No key set has more data keys.
inline constexpr std::uint64_t kMaxGenerations = 1000;

using Key = std::array<std::byte, 32>;
using Signature = std::array<std::byte, 64>;

/// A data key pair; holders of the write role have no secret half.
struct DataKey {
  std::uint32_t generation = 0;
  Key public_key{};
  Secret secret_key;  ///< empty without the full role
};

/// What a slot opens: the secrets of the repository that its role may have.
struct KeySet {
  KeyRole role = KeyRole::full;
  Secret id_key;                   ///< keys chunk ids
  Secret chunker_key;              ///< seeds the content-defined chunker
  Secret index_key;                ///< seals index, pack directories, public parts of snapshots, leases
  std::vector<DataKey> data_keys;  ///< oldest first; the last one seals new content keys
  Key signing_public{};            ///< Ed25519; who knows the repository knows it by this key
  Signature signature{};  ///< by the signing key, of the shared keys: no writer can slip in a data key of its own
  Secret admin_key;       ///< full role: authenticates key slots
  Secret signing_secret;  ///< full role: the seed of the signing key
};
/// What both roles share, in locked memory: part of the encoded key set, and what the signature is of.
Secret encode_shared_keys(const KeySet& keys);
/// Plain bytes of a key set as a role may have it, in locked memory.
Secret encode_key_set(const KeySet& keys, KeyRole role);
Result<KeySet> decode_key_set(ByteView plain);

struct SlotHeader {
  RepositoryId repository{};  ///< a slot of another one was left behind by a creation that was cut short
  bool is_password = false;
  KeyRole role = KeyRole::full;
  std::int64_t created_ns = 0;
  std::string label;
  Key public_key{};                  ///< recipients
  std::array<std::byte, 16> salt{};  ///< passwords
  std::uint64_t operations = 0;
  std::uint64_t memory_bytes = 0;
};
struct Slot {
  SlotHeader header;
  Bytes sealed_key_set;
  Key tag{};  ///< by the admin key: tells holders of the full role that no one forged the slot
};
/// Everything before sealed_key_set: bound into its seal.
Bytes encode_slot_header(const SlotHeader& header);
/// Everything before the tag.
Bytes encode_slot_body(const Slot& slot);
Bytes encode_slot(const Slot& slot);
Result<Slot> decode_slot(ByteView payload);

/// Features that a program must know before it may do something. Unknown bits refuse that use.
struct Features {
  std::uint64_t read = 0;
  std::uint64_t write = 0;
  std::uint64_t check = 0;
  std::uint64_t remove = 0;
};
struct Config {
  RepositoryId repository{};
  std::int64_t created_ns = 0;
  Features features;
  Key tag{};  ///< by the index key
};
Bytes encode_config_body(const Config& config);
Bytes encode_config(const Config& config);
Result<Config> decode_config(ByteView payload);

}  // namespace drkit::format
