// Source and Stream: what something that can be backed up implements.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/entry.hpp>
#include <drkit/result.hpp>

namespace drkit {

/// What one read gave: data bytes at the buffer's start, then a hole to be skipped, then bytes that are those of the
/// earlier snapshot at the same place of the file (only after compare() answered parts); none of them at the end.
struct ReadResult {
  std::size_t data_bytes = 0;
  std::uint64_t hole_bytes = 0;
  std::uint64_t same_bytes = 0;
  bool at_end() const { return data_bytes == 0 && hole_bytes == 0 && same_bytes == 0; }
};

/// How much of a file may be taken over from an earlier snapshot.
enum class Reuse : std::uint8_t {
  none,   ///< it is read
  parts,  ///< it is read, and read() may answer same_bytes
  whole,  ///< it is not read: the stream is dropped
};

/// The entry as an earlier snapshot has it: the same file, unchanged by size, time and fingerprint.
DRKIT_API bool is_unchanged(const Entry& now, const Entry& earlier);

/// One entry and its content. Only regular and stream entries are read; the others have no content.
/// Thread-safety: one thread at a time.
class DRKIT_API Stream {
 public:
  virtual ~Stream() = default;
  virtual const Entry& entry() const = 0;
  /// false: the earlier snapshot's file is not looked for.
  virtual bool wants_earlier() const { return true; }
  /// Asked at most once, before the first read, when an earlier snapshot holds this file complete.
  virtual Reuse compare(const Entry& earlier) { return is_unchanged(entry(), earlier) ? Reuse::whole : Reuse::none; }
  /// Called after compare() when the earlier content cannot be used after all: everything is read.
  virtual void forget_earlier() {}
  /// Fills at most buffer.size() bytes (which is at least 64 KiB); opens the file at the first call, so that an
  /// unchanged file is never opened. Short reads are allowed; only at_end() ends the stream.
  virtual Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) = 0;
  /// Called once after the end was read: an error when the content changed or was cut while being read.
  virtual Result<void> close(const Context& ctx) = 0;
};

struct SourceInfo {
  std::string kind;  ///< the system's name: "filesystem", "postgres", "process"
  std::string name;  ///< what `snapshots --source` matches; never with a secret
  /// true: an entry that cannot be read makes the snapshot PARTIAL; false: it makes the backup FAILED.
  bool entry_errors_are_partial = false;
  /// Entries come in path order (see entry_path_less); false: in any order.
  bool ordered = false;
  /// Streams may be read, each by one thread, while next() is called by another; false: one stream at a time, used up
  /// and destroyed before the next one is asked for.
  bool concurrent_streams = false;
  /// With ordered and concurrent_streams false: entries are nevertheless compared with the earlier snapshot, one by
  /// one.
  bool compares = false;
  /// Paths of the files whose bytes it asks a later EarlierSnapshot for: a host that cannot read them back keeps them.
  std::vector<std::string> asks_again = {};
};

/// What the source can tell when it is done. Keys are stable names such as "start_lsn", "timeline".
using SourceReceipt = std::map<std::string, std::string>;

/// The snapshot that a backup compares with, as its source may see it.
struct EarlierSnapshot {
  SourceReceipt receipt;
  std::vector<Problem> problems;
  /// A file of it; null when it has none of this name or a larger one. Valid during the call that it was given to.
  std::function<Result<std::optional<Bytes>>(const std::string& path, std::uint64_t max_bytes)> read;
};

/// Gives streams. Life: begin, next until it gives null, finish; destruction without finish abandons the backup
/// and leaves nothing behind at the server.
/// Thread-safety: one thread at a time; streams as SourceInfo::concurrent_streams says.
class DRKIT_API Source {
 public:
  virtual ~Source() = default;
  virtual SourceInfo info() const = 0;
  /// Takes the consistent point; after it, estimated_bytes() may be known.
  virtual Result<void> begin(const Context& ctx) = 0;
  /// Called after begin and before the first next when there is an earlier snapshot that may be read.
  virtual Result<void> compare_with(const Context&, const EarlierSnapshot&) { return {}; }
  /// Called once after begin and compare_with, before estimated_bytes and the first next. For what can only begin when
  /// the earlier snapshot is known. Not calling it is the same as calling it in the first next.
  virtual Result<void> start(const Context&) { return {}; }
  /// Units: plain bytes of the whole source; 0 when unknown.
  virtual std::uint64_t estimated_bytes() const { return 0; }
  /// The next entry, or null at the end. An entry that exists but cannot be looked at comes with entry().problem
  /// set (and is not read); an error ends the backup.
  virtual Result<std::unique_ptr<Stream>> next(const Context& ctx) = 0;
  virtual Result<SourceReceipt> finish(const Context& ctx) = 0;
  /// Asked after finish: what is damaged at the source itself although it was read and kept as it is, such as pages
  /// whose checksum does not fit. Makes the snapshot PARTIAL.
  virtual std::vector<Problem> problems() const { return {}; }
};

/// The order of paths in a snapshot: part by part, bytewise, a directory directly before its children.
DRKIT_API bool entry_path_less(std::string_view a, std::string_view b);

}  // namespace drkit
