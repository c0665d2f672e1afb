#include "repo/wal_names.hpp"

#include <algorithm>

#include "base/byte_io.hpp"
#include "base/hex.hpp"
#include "crypto/cipher.hpp"
#include "crypto/kdf.hpp"
#include "repo/keyring.hpp"
#include "repo/layout.hpp"

namespace drkit::repo {
namespace {

constexpr std::size_t kTagHexBytes = 8;

// Which names stand together shows in the storage; nothing else of them does.
std::string group_tag(const Repository::Impl& impl, ByteView identity) {
  const format::Key tag =
      keyed_tag(impl.keys.index_key, format::associated_data(format::kWalGroupKind, impl.id, identity));
  return base::to_hex(ByteView(tag).first(kTagHexBytes));
}

Secret name_key(const Repository::Impl& impl) { return crypto::derive_key(impl.keys.index_key, "drkit wal names"); }

bool is_note(WalKind kind) { return kind == WalKind::history || kind == WalKind::gap; }

std::string prefix_of(const Repository::Impl& impl, const WalName& name) {
  if (is_note(name.kind)) return wal_notes_prefix(impl, name.system_id);
  return wal_group_prefix(impl, name.system_id, name.timeline, name.start);
}

}  // namespace

std::string wal_cluster_prefix(const Repository::Impl& impl, std::uint64_t system_id) {
  base::ByteWriter identity;
  identity.u64(system_id);
  return std::string(kWalPrefix) + group_tag(impl, identity.view()) + "/";
}

std::string wal_group_prefix(const Repository::Impl& impl, std::uint64_t system_id, std::uint32_t timeline,
                             std::uint64_t lsn) {
  base::ByteWriter identity;
  identity.u64(system_id);
  identity.u32(timeline);
  identity.u32(static_cast<std::uint32_t>(lsn >> 32));
  return wal_cluster_prefix(impl, system_id) + group_tag(impl, identity.view()) + "/";
}

std::string wal_notes_prefix(const Repository::Impl& impl, std::uint64_t system_id) {
  return wal_group_prefix(impl, system_id, 0, 0);
}

Result<std::string> wal_key(const Repository::Impl& impl, const WalName& name) {
  const Bytes plain = format::encode_wal_name(name);
  const Bytes associated = format::associated_data(format::kWalNameKind, impl.id, {});
  // The nonce comes from the name itself: equal names must give equal keys, and different ones never share a nonce.
  Bytes bound = associated;
  bound.insert(bound.end(), plain.begin(), plain.end());
  const format::Key tag = keyed_tag(impl.keys.index_key, bound);
  Bytes sealed(format::kSealedWalNameBytes);
  std::copy_n(tag.begin(), format::kNonceBytes, sealed.begin());
  const Secret key = name_key(impl);
  const std::span<std::byte> out(sealed);
  DRKIT_TRY(
      crypto::seal(key.view(), out.first(format::kNonceBytes), associated, plain, out.subspan(format::kNonceBytes)));
  return prefix_of(impl, name) + base::to_hex(sealed);
}

Result<WalName> parse_wal_key(const Repository::Impl& impl, std::string_view key) {
  const auto foreign = [&] { return format::corrupt("wal name", "was not made by this repository's writers"); };
  const auto sealed = base::from_hex(object_name(key));
  if (!sealed || sealed->size() != format::kSealedWalNameBytes) return foreign();
  const Secret secret = name_key(impl);
  auto plain = crypto::open_bytes(secret.view(), format::associated_data(format::kWalNameKind, impl.id, {}), *sealed);
  if (!plain) return foreign();
  DRKIT_ASSIGN(const WalName name, format::decode_wal_name(*plain));
  if (!key.starts_with(prefix_of(impl, name))) return format::corrupt("wal name", "lies in another's place");
  return name;
}

}  // namespace drkit::repo
