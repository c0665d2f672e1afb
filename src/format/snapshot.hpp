// Snapshot object: a public part that writers may read and a private part for holders of the full role.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <drkit/snapshot.hpp>

#include "format/common.hpp"
#include "format/pack.hpp"

namespace drkit::format {

/// A snapshot that was the newest when this one was committed: names it and fixes its bytes.
struct Predecessor {
  std::string id;
  Digest object_digest{};  ///< all zero: it was damaged when it was named, so only its presence is fixed
  bool operator==(const Predecessor&) const = default;
};

struct SnapshotPublic {
  bool fenced = false;  ///< no snapshot: whoever put this forbade the lease to commit
  Snapshot value;       ///< without receipt and problems
  std::vector<Predecessor> predecessors;
};
Bytes encode_snapshot_public(const SnapshotPublic& snapshot);
Result<SnapshotPublic> decode_snapshot_public(ByteView json);

struct SnapshotPrivate {
  ChunkId manifest_root{};
  unsigned manifest_level = 0;  ///< 0: the root is a leaf
  std::map<std::string, std::string> receipt;
  std::vector<Problem> problems;
};
Bytes encode_snapshot_private(const SnapshotPrivate& snapshot);
Result<SnapshotPrivate> decode_snapshot_private(ByteView json);

/// Payload of the object: both parts sealed. A fence has no private part.
struct SnapshotObject {
  Bytes sealed_public;
  SealedContentKey content_key;
  Bytes sealed_private;
};
Bytes encode_snapshot(const SnapshotObject& snapshot);
Result<SnapshotObject> decode_snapshot(ByteView payload);

/// What a lease says of its writer, for people.
struct LeaseText {
  std::string host;
  std::int64_t process = 0;
  std::int64_t time_ns = 0;
  std::string program;
};
Bytes encode_lease(const LeaseText& lease);
/// When a snapshot was forgotten, and the SHA-256 of its object when that could be read.
Bytes encode_tombstone(std::int64_t time_ns, const std::optional<Digest>& object_digest);

}  // namespace drkit::format
