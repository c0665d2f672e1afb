// What every object of the format shares: magic, kinds, associated data, envelope. See docs/format/v1.md.
#pragma once

#include <array>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::format {

inline constexpr std::array<std::byte, 6> kMagic = {std::byte{'d'}, std::byte{'r'}, std::byte{'k'},
                                                    std::byte{'i'}, std::byte{'t'}, std::byte{0x1a}};
inline constexpr std::uint8_t kVersion = 1;

using RepositoryId = std::array<std::byte, 16>;
using ObjectId = std::array<std::byte, 16>;  ///< of snapshots, leases, key slots: random
using Digest = std::array<std::byte, 32>;
using ChunkId = std::array<std::byte, 32>;

/// Kind of an object or sealed part; bound into every seal. Pinned for ever.
enum class Kind : std::uint8_t {
  config = 1,
  key_slot = 2,
  index = 3,
  snapshot = 4,
  lease = 5,
  tombstone = 6,
  proof = 7,   // reserved
  parity = 8,  // reserved
  pack = 9,
  checkpoint = 10,
  wal = 11,
  history = 12,  // reserved
  wal_tail = 13,
  frame = 32,           // sealed part of a pack
  pack_directory = 33,  // sealed part of a pack
  snapshot_public = 34,
  snapshot_private = 35,
  key_set = 36,
};

/// No object of a kind is larger: whoever gets one asks the storage for no more. Packs have kMaxPackBytes.
std::uint64_t max_object_bytes(Kind kind);

/// Associated data of a seal: magic, version, kind, repository, then what names the object.
Bytes associated_data(Kind kind, const RepositoryId& repository, ByteView identity);

/// Wraps the payload of every object that is no pack: magic, version, kind, length, payload, SHA-256 of all before.
Bytes wrap_envelope(Kind kind, ByteView payload);
/// The payload inside; a view into `object`. Errors: corrupt, version_unsupported.
Result<ByteView> unwrap_envelope(Kind kind, ByteView object);

/// An error that names what is wrong with stored bytes.
Error corrupt(std::string_view what, std::string_view problem);

inline ByteView view_of(const ObjectId& id) { return id; }

}  // namespace drkit::format
