#include "format/keys.hpp"

#include "base/byte_io.hpp"

namespace drkit::format {
namespace {

constexpr std::uint8_t kKeySetVersion = 1;

bool valid_role(std::uint8_t role) { return role == 1 || role == 2; }

ByteView key_or_zeros(const Secret& secret) {
  static constexpr Key kZeros{};
  return secret.empty() ? ByteView(kZeros) : secret.view();
}

Secret read_secret(base::ByteReader& in) { return Secret::copy_of(in.raw(32)); }

void wipe(Bytes& bytes) {
  volatile std::byte* p = bytes.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) p[i] = std::byte{0};
}

// All that a key set can need, so that the writer never moves and leaves copies behind.
base::ByteWriter secret_writer(const KeySet& keys) {
  constexpr std::size_t kFixed = 512, kEach = 2 * (4 + 32 + 32);
  base::ByteWriter out;
  out.reserve(kFixed + kEach * keys.data_keys.size());
  return out;
}

Secret take_secret(base::ByteWriter& out) {
  Bytes plain = out.take();
  Secret secret = Secret::copy_of(plain);
  wipe(plain);
  return secret;
}

}  // namespace

Secret encode_shared_keys(const KeySet& keys) {
  base::ByteWriter out = secret_writer(keys);
  for (const Secret* key : {&keys.id_key, &keys.chunker_key, &keys.index_key}) out.raw(key_or_zeros(*key));
  out.raw(keys.signing_public);
  out.varint(keys.data_keys.size());
  for (const DataKey& data_key : keys.data_keys) {
    out.u32(data_key.generation);
    out.raw(data_key.public_key);
  }
  return take_secret(out);
}

Secret encode_key_set(const KeySet& keys, KeyRole role) {
  base::ByteWriter out = secret_writer(keys);
  out.u8(kKeySetVersion);
  out.u8(static_cast<std::uint8_t>(role));
  out.raw(encode_shared_keys(keys).view());
  out.raw(keys.signature);
  if (role == KeyRole::full) {
    for (const DataKey& data_key : keys.data_keys) out.raw(key_or_zeros(data_key.secret_key));
    out.raw(key_or_zeros(keys.admin_key));
    out.raw(key_or_zeros(keys.signing_secret));
  }
  return take_secret(out);
}

Result<KeySet> decode_key_set(ByteView plain) {
  base::ByteReader in(plain);
  const std::uint8_t version = in.u8();
  const std::uint8_t role = in.u8();
  if (version != kKeySetVersion || !valid_role(role)) return corrupt("key set", "is damaged");
  KeySet keys;
  keys.role = static_cast<KeyRole>(role);
  for (Secret* key : {&keys.id_key, &keys.chunker_key, &keys.index_key}) *key = read_secret(in);
  keys.signing_public = in.array<32>();
  const std::uint64_t count = in.varint_upto(kMaxGenerations);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    DataKey data_key;
    data_key.generation = in.u32();
    data_key.public_key = in.array<32>();
    // Ascending, so that a generation names one key.
    if (!keys.data_keys.empty() && data_key.generation <= keys.data_keys.back().generation) in.fail();
    keys.data_keys.push_back(std::move(data_key));
  }
  keys.signature = in.array<64>();
  if (keys.role == KeyRole::full) {
    for (DataKey& data_key : keys.data_keys) data_key.secret_key = read_secret(in);
    keys.admin_key = read_secret(in);
    keys.signing_secret = read_secret(in);
  }
  if (!in.done() || keys.data_keys.empty()) return corrupt("key set", "is damaged");
  return keys;
}

Bytes encode_slot_header(const SlotHeader& header) {
  base::ByteWriter out;
  out.raw(header.repository);
  out.u8(header.is_password ? 1 : 2);
  out.u8(static_cast<std::uint8_t>(header.role));
  out.i64(header.created_ns);
  out.text(header.label);
  if (header.is_password) {
    out.raw(header.salt);
    out.u64(header.operations);
    out.u64(header.memory_bytes);
  } else {
    out.raw(header.public_key);
  }
  return out.take();
}

Bytes encode_slot_body(const Slot& slot) {
  base::ByteWriter out;
  out.raw(encode_slot_header(slot.header));
  out.blob(slot.sealed_key_set);
  return out.take();
}

Bytes encode_slot(const Slot& slot) {
  base::ByteWriter out;
  out.raw(encode_slot_body(slot));
  out.raw(slot.tag);
  return out.take();
}

Result<Slot> decode_slot(ByteView payload) {
  base::ByteReader in(payload);
  Slot slot;
  slot.header.repository = in.array<16>();
  const std::uint8_t kind = in.u8();
  const std::uint8_t role = in.u8();
  slot.header.is_password = kind == 1;
  slot.header.role = static_cast<KeyRole>(role);
  slot.header.created_ns = in.i64();
  slot.header.label = in.text();
  if (slot.header.is_password) {
    slot.header.salt = in.array<16>();
    slot.header.operations = in.u64();
    slot.header.memory_bytes = in.u64();
  } else {
    slot.header.public_key = in.array<32>();
  }
  const ByteView sealed = in.blob();
  slot.sealed_key_set.assign(sealed.begin(), sealed.end());
  slot.tag = in.array<32>();
  if (!in.done() || kind < 1 || kind > 2 || !valid_role(role)) return corrupt("key slot", "is damaged");
  return slot;
}

Bytes encode_config_body(const Config& config) {
  base::ByteWriter out;
  out.raw(config.repository);
  out.i64(config.created_ns);
  for (const std::uint64_t bits :
       {config.features.read, config.features.write, config.features.check, config.features.remove}) {
    out.u64(bits);
  }
  return out.take();
}

Bytes encode_config(const Config& config) {
  base::ByteWriter out;
  out.raw(encode_config_body(config));
  out.raw(config.tag);
  return out.take();
}

Result<Config> decode_config(ByteView payload) {
  base::ByteReader in(payload);
  Config config;
  config.repository = in.array<16>();
  config.created_ns = in.i64();
  config.features.read = in.u64();
  config.features.write = in.u64();
  config.features.check = in.u64();
  config.features.remove = in.u64();
  config.tag = in.array<32>();
  if (!in.done()) return corrupt("config", "is damaged");
  return config;
}

}  // namespace drkit::format
