// Received log in synced files of this machine, for when a commit shall not wait for the storage.
#pragma once

#include <deque>
#include <string>

#include <drkit/wal.hpp>

#include "base/append_file.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

/// One timeline's log, one file a segment; behind what the last file holds there may be zeros.
/// Thread-safety: one thread at a time.
class ReceiveSpool {
 public:
  /// most_bytes: what its files may take of the disk, of which a part stays free in any case; 0: that alone counts. One
  /// segment always fits.
  ReceiveSpool(std::string directory, std::uint64_t system_id, TimelineId timeline, std::uint64_t segment_bytes,
               Lsn start, std::uint64_t most_bytes = 0)
      : directory_(std::move(directory)),
        name_{WalKind::segment, system_id, timeline, 0, 0},
        segment_bytes_(segment_bytes),
        most_bytes_(most_bytes),
        written_(start),
        end_(start) {}

  /// Appends; bytes that are there already are passed over. Durable after sync().
  /// Errors: no_space (its limit, or the disk's): what had room is kept, and the same call may be made again; io.
  Result<void> append(Lsn at, ByteView bytes);
  Result<void> sync();
  bool is_synced() const { return written_ == end_; }
  /// Behind the last byte that was appended.
  Lsn written() const { return written_; }
  /// Gives back what was appended, up to the end of `out` or of the segment, whichever is nearer; how much that was.
  /// `from`: not in a file that was removed. Errors: io.
  Result<std::size_t> read(Lsn from, std::span<std::byte> out);
  /// Everything before it is durable.
  Lsn end() const { return end_; }
  /// Removes the files of segments that the repository has.
  Result<void> forget_before(Lsn stored);

 private:
  Result<void> open_segment(Lsn start);
  Result<void> check_room() const;
  std::string path_of(Lsn start) const;

  std::string directory_;
  WalName name_;
  std::uint64_t segment_bytes_;
  std::uint64_t most_bytes_;
  Lsn written_;
  Lsn end_;
  base::AppendFile file_;
  Lsn file_start_ = 0;
  base::UniqueFd reader_;
  Lsn reader_start_ = 0;
  std::deque<Lsn> files_;
};

/// The folder in the spool of one repository and slot, locked: two receivers never touch each other's files.
class SpoolFolder {
 public:
  /// Errors: precondition_failed (another receiver has it), io.
  static Result<SpoolFolder> open(const std::string& spool, const std::string& repository_id, const std::string& slot);
  const std::string& path() const { return path_; }
  const std::string& spool() const { return spool_; }

 private:
  SpoolFolder(std::string spool, std::string path, base::UniqueFd lock)
      : spool_(std::move(spool)), path_(std::move(path)), lock_(std::move(lock)) {}
  std::string spool_;
  std::string path_;
  base::UniqueFd lock_;
};

/// Stores what an earlier run left in the folder, then removes it; the number of files.
/// Errors: already_exists (other bytes are stored; the file stays), corrupt, the storage's.
Result<std::uint64_t> store_left_over(const Context& ctx, const WalArchive& archive, const std::string& directory);

/// The same for what receivers that no longer run left elsewhere in the spool: with other slots, and, directly in it,
/// by earlier releases, which did not say for which repository: then only of clusters whose log this one holds, or all
/// of it while it holds none. Errors: as store_left_over.
Result<std::uint64_t> store_abandoned(const Context& ctx, const WalArchive& archive, const SpoolFolder& own);

}  // namespace drkit::systems::postgres
