// RestoreTarget and Sink: what a place that takes streams back implements.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/entry.hpp>
#include <drkit/result.hpp>

namespace drkit {

/// Takes the content of one regular or stream entry. Bytes never written are holes (zeros).
/// Thread-safety: write_at and read_at of disjoint ranges may run concurrently; close comes last, once.
class DRKIT_API Sink {
 public:
  virtual ~Sink() = default;
  /// Every byte of the entry's size will be written, so that the room for it can be taken at once: a hint, given before
  /// the first write_at or not at all. Errors: no_space when there is none. The default does nothing.
  virtual Result<void> reserve(const Context&) { return {}; }
  virtual Result<void> write_at(const Context& ctx, std::uint64_t offset, ByteView bytes) = 0;
  /// Delta restores only: bytes now at the place, short at its end. The default knows none.
  virtual Result<std::size_t> read_at(const Context&, std::uint64_t, std::span<std::byte>) { return std::size_t{0}; }
  /// Length and attributes are set, the file is complete. Destruction without close leaves no half-written file under
  /// its final name; only one that a delta found there stays, as far as it was updated.
  virtual Result<void> close(const Context& ctx) = 0;
};

struct TargetInfo {
  std::string kind;
  std::string name;
  bool sequential = false;  ///< wants bytes of each sink in order (a pipe); holes then come as zeros
};

struct RestoreSettings {
  /// Work over an existing tree: files equal already are left alone.
  bool delta = false;
  /// Set owners; needs privilege. The default is to do so when the process is root.
  bool owners = true;
  /// With delta: what is not in the snapshot is removed. False when only a part of the snapshot comes.
  bool remove_unknown = true;
  /// With remove_unknown: the names directly below the snapshot's root. A place that holds things, and none of these,
  /// is refused. Empty: not told, nothing is refused.
  std::optional<std::vector<std::string>> top_names = std::nullopt;
};

/// What a delta restore would remove.
struct Removals {
  std::uint64_t entries = 0;
  std::vector<std::string> first;  ///< paths, in path order, at most 20
};

/// Shows every entry of a snapshot, in path order, to a visitor.
using EntryFeed = std::function<Result<void>(const std::function<Result<void>(const Entry&)>& visit)>;

/// Takes a tree back. Life: begin, then make/open/keep in snapshot order (parents first), finish.
/// Nothing outside the target is ever written: absolute paths, ".." and symlinks on the way are refused and named.
/// Thread-safety: make and keep from one thread at a time, also while files that came before are opened and written;
/// open concurrently, once the parents were made; sinks as they say.
class DRKIT_API RestoreTarget {
 public:
  virtual ~RestoreTarget() = default;
  virtual TargetInfo info() const = 0;
  /// Errors: precondition_failed when the place is not empty (unless delta) or is in use by a live server.
  virtual Result<void> begin(const Context& ctx, const RestoreSettings& settings) = 0;
  /// Makes a directory, link, fifo or device. Attributes of directories are set by finish, deepest first.
  virtual Result<void> make(const Context& ctx, const Entry& entry) = 0;
  /// Opens a regular file or stream for writing.
  virtual Result<std::unique_ptr<Sink>> open(const Context& ctx, const Entry& entry) = 0;
  /// The snapshot lacks this entry, or a part of it: in a delta restore what the place has there, and below it, is
  /// never removed. A directory was made before. The default does nothing, which suits targets that remove nothing.
  virtual Result<void> keep(const Context&, const Entry&) { return {}; }
  /// What restoring these entries with these settings would remove from the place. Touches nothing. What is mounted
  /// below is not looked into. The default removes nothing.
  virtual Result<Removals> plan_removals(const Context&, const RestoreSettings&, const EntryFeed&) {
    return Removals();
  }
  /// Attributes of directories, removal of what is not in the snapshot (delta), everything fsynced.
  virtual Result<void> finish(const Context& ctx) = 0;
};

}  // namespace drkit
