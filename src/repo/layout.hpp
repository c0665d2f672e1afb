// Names of the objects in a storage. See docs/format/v1.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/hex.hpp"
#include "format/pack.hpp"

namespace drkit::repo {

inline constexpr std::string_view kConfigKey = "config";
inline constexpr std::string_view kSlotPrefix = "keys/";
inline constexpr std::string_view kIndexPrefix = "index/";
inline constexpr std::string_view kSnapshotPrefix = "snapshots/";
inline constexpr std::string_view kLeasePrefix = "leases/";
inline constexpr std::string_view kTombstonePrefix = "forgotten/";
inline constexpr std::string_view kCheckpointPrefix = "checkpoints/";
inline constexpr std::string_view kDataPrefix = "data/";
inline constexpr std::string_view kMetaPrefix = "meta/";

inline std::string pack_key(format::PackType type, const format::Digest& name) {
  const std::string hex = base::to_hex(name);
  const std::string_view prefix = type == format::PackType::data ? kDataPrefix : kMetaPrefix;
  return std::string(prefix) + hex.substr(0, 2) + "/" + hex;
}

inline std::string object_key(std::string_view prefix, ByteView id) { return std::string(prefix) + base::to_hex(id); }

/// The part after the last '/'.
inline std::string_view object_name(std::string_view key) { return key.substr(key.rfind('/') + 1); }

/// Whether the key is the prefix and N bytes in hexadecimal. Objects of other names are somebody else's.
template <std::size_t N>
bool has_name_of(std::string_view key, std::string_view prefix) {
  return key.starts_with(prefix) && base::array_from_hex<N>(key.substr(prefix.size())).has_value();
}

}  // namespace drkit::repo
