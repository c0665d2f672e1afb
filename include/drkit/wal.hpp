// wal: write-ahead log of PostgreSQL in a repository: kept, given back, looked over.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/repository.hpp>

namespace drkit {

/// Values are stored: pinned for ever.
enum class WalKind : std::uint8_t {
  segment = 1,  ///< one whole file of the log
  partial = 2,  ///< the unfinished last file of a timeline, as a promotion leaves it
  piece = 3,    ///< a part of a file that still grows
  history = 4,  ///< where a timeline began
  label = 5,    ///< what the server writes about a finished backup
  gap = 6,      ///< log that is known to be lost
  tail = 7,     ///< pieces one behind the other, in an object that grows; lists show what it holds as one piece
};
DRKIT_API std::string_view wal_kind_name(WalKind kind);

/// What an object of the log is of; it has exactly one place in the repository.
struct WalName {
  WalKind kind = WalKind::segment;
  std::uint64_t system_id = 0;  ///< of the cluster
  std::uint32_t timeline = 0;
  std::uint64_t start = 0;  ///< first byte of the log; 0 for a history
  std::uint64_t end = 0;    ///< behind the last one; history: 0, label: the segment's end, tail: the highest number
  bool operator==(const WalName&) const = default;
};

struct WalRestorePoint {
  std::string name;
  std::uint64_t lsn = 0;  ///< behind its record
  std::int64_t time_ns = 0;
};

/// What a writer saw in the log while it stored it. Readable by holders of every key.
struct WalFacts {
  std::uint64_t commits = 0;       ///< records of transactions that ended
  std::int64_t first_time_ns = 0;  ///< of those records, nanoseconds since the Unix epoch; 0: there are none
  std::int64_t last_time_ns = 0;
  std::uint32_t min_xid = 0;  ///< of those records
  std::uint32_t max_xid = 0;
  std::vector<WalRestorePoint> restore_points;  ///< at most 200
  std::string note;                             ///< gap: why
};

struct WalObject {
  WalName name;
  std::uint64_t stored_bytes = 0;
  std::int64_t modified_ns = 0;  ///< storage's time; 0 when unknown
  std::string key;
  /// Holds less than it should: smaller than any such object is, or a tail in which log from name.start on is stored
  /// but cannot be read; the tail's name ends with the highest number then, and what is good of it is listed as a
  /// piece.
  bool damaged = false;
};

enum class WalPut : std::uint8_t { stored, was_there };

/// Log that is stored as it comes, in an object that grows (Storage::grow): far cheaper than as many small objects.
/// Thread-safety: one thread at a time.
class DRKIT_API WalTail {
 public:
  virtual ~WalTail() = default;
  /// Adds the log that follows; durable when it returns. Nothing can be added after an error; what was, stays.
  /// Errors: as WalArchive::put.
  virtual Result<void> append(const Context& ctx, ByteView bytes) = 0;
  /// Whether it is so long that a new one is better begun.
  virtual bool is_full() const = 0;
};

/// The log of a repository, object by object. Objects stand alone: neither the index nor a snapshot is needed.
/// Thread-safety: every member may be called concurrently.
class DRKIT_API WalArchive {
 public:
  explicit WalArchive(Repository repository) : repository_(std::move(repository)) {}
  const Repository& repository() const { return repository_; }

  /// Durable when it returns. The same bytes again are success (was_there).
  /// Errors: already_exists (other bytes are there; they stay), invalid_argument (more than 64 MiB), the storage's.
  Result<WalPut> put(const Context& ctx, const WalName& name, ByteView bytes, const WalFacts& facts = {}) const;
  /// Begins a tail at a place of the log; it shall not go beyond the segment.
  /// Errors: unsupported (objects of the storage cannot grow), already_exists (another's), the storage's.
  Result<std::unique_ptr<WalTail>> begin_tail(const Context& ctx, std::uint64_t system_id, std::uint32_t timeline,
                                              std::uint64_t start) const;
  /// The bytes, verified. Errors: not_found, permission_denied (a key of the write role), corrupt.
  Result<Bytes> get(const Context& ctx, const WalName& name) const;
  /// Errors: not_found, corrupt.
  Result<WalFacts> facts(const Context& ctx, const WalName& name) const;
  /// Whether these are the bytes that are stored. Works with every key. Errors: not_found, corrupt.
  Result<bool> same(const Context& ctx, const WalName& name, ByteView bytes) const;

  /// Every object of one cluster or (nullopt) of all, sorted by timeline, start, end and kind.
  Result<std::vector<WalObject>> list(const Context& ctx, std::optional<std::uint64_t> system_id) const;
  /// Segments, partials, pieces and labels of the timeline in the same 4 GiB of log as `lsn`, sorted.
  Result<std::vector<WalObject>> list_near(const Context& ctx, std::uint64_t system_id, std::uint32_t timeline,
                                           std::uint64_t lsn) const;
  /// Histories and gaps, sorted.
  Result<std::vector<WalObject>> list_notes(const Context& ctx, std::uint64_t system_id) const;
  /// Takes pieces away that a longer object has replaced. Errors: invalid_argument for anything but a piece.
  Result<void> remove_piece(const Context& ctx, const WalName& name) const;
  /// Whether what can be opened of a tail are beginnings of these bytes, or there is none. Works with every key.
  Result<bool> is_tail_within(const Context& ctx, std::uint64_t system_id, std::uint32_t timeline, std::uint64_t start,
                              ByteView log) const;
  /// Takes a tail away. REQUIRES: its segment is stored whole, for it may have grown since it was looked at, and it is
  /// the caller's own or within that segment.
  Result<void> remove_tail(const Context& ctx, std::uint64_t system_id, std::uint32_t timeline,
                           std::uint64_t start) const;

 private:
  Repository repository_;
};

}  // namespace drkit
