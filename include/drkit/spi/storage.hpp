// Storage: what a place that keeps objects implements.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/result.hpp>

namespace drkit {

/// A range of bytes of one object. The default is the whole object.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = std::numeric_limits<std::uint64_t>::max();  ///< clipped to the object's end
};

struct PutOptions {
  /// Fail with already_exists, changing nothing, when the key exists; decided atomically by the storage.
  bool if_absent = false;
  /// The object is small, and its put is the first step of removing others: a storage that is full may use for it what
  /// it kept in reserve. Others ignore it.
  bool makes_room = false;
};

struct ObjectInfo {
  std::string key;
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;  ///< storage's time, nanoseconds since the Unix epoch; 0 when unknown
};

struct StorageInfo {
  std::string scheme;               ///< "file", "mem", "s3", ...
  std::string name;                 ///< address for humans, never with a secret
  bool conditional_create = false;  ///< if_absent is atomic between processes
  bool writable = true;
  std::uint64_t max_object_bytes = std::numeric_limits<std::uint64_t>::max();
};

/// An object that grows; see Storage::grow. Destroying it ends its growth.
/// Thread-safety: one thread at a time.
class DRKIT_API GrowingObject {
 public:
  virtual ~GrowingObject() = default;
  /// Adds bytes at the end: durable, and visible to every later get, when it returns. After an error nothing more can
  /// be added; what earlier calls added stays. Errors: as Storage::put.
  virtual Result<void> append(const Context& ctx, ByteView bytes) = 0;
};

/// Returns false to stop the listing (which then succeeds).
using ListVisitor = std::function<bool(const ObjectInfo&)>;

/// Keeps objects: keys are relative paths of [a-z0-9._/-], parts never empty, "." or "..", at most 200 bytes.
///
/// Semantics that the repository rests on, tested by the conformance suite:
///  - put is whole or not at all: a reader sees the old state or the complete object, also after a crash;
///  - a put that returned success is durable, and visible to every later get, stat and list;
///  - without if_absent, put of an existing key replaces it atomically (the repository never does so);
///  - a failed or cancelled call changes nothing, except that a put whose answer was lost may have happened.
/// Errors: not_found, already_exists, permission_denied, unauthenticated, no_space, unavailable, timeout, io,
///   invalid_argument (malformed key). Every error names the key in its context ("key").
/// Thread-safety: every member may be called concurrently.
class DRKIT_API Storage {
 public:
  virtual ~Storage() = default;
  virtual StorageInfo info() const = 0;
  virtual Result<ObjectInfo> stat(const Context& ctx, std::string_view key) = 0;
  /// Bytes of the range, clipped to the object's end. Errors: invalid_argument when the offset is past the end.
  virtual Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) = 0;
  virtual Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) = 0;
  /// Creates an empty object that grows in place, for what many small puts would cost too much: each durable by itself.
  /// Behind what was added readers may find zeros or, after a crash, a part of what was being added: the bytes must say
  /// themselves how far they go. Errors: as put with if_absent, and unsupported: most storages have no such objects.
  virtual Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key);
  /// Absent is success.
  virtual Result<void> remove(const Context& ctx, std::string_view key) = 0;
  /// Visits every object whose key starts with prefix (a string prefix, "" for all), in no promised order.
  /// The visitor must not call the storage. Temporary files of unfinished puts are never visited.
  virtual Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) = 0;
  /// Where the objects really are, when one answer of this storage says nothing of everything behind it: the copies of
  /// a mirror, what lies below a cache, and for a storage that wraps one of these the same, wrapped in the same way.
  /// Empty for every other one. See storage_copies().
  virtual std::vector<std::shared_ptr<Storage>> below() const { return {}; }
};

using StoragePtr = std::shared_ptr<Storage>;

/// invalid_argument unless the key follows the rules above; every storage calls it first.
DRKIT_API Result<void> validate_storage_key(std::string_view key);

}  // namespace drkit
