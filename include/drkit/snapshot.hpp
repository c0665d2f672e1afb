// Snapshot and Receipt values: what a backup gave and a repository lists.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/entry.hpp>
#include <drkit/result.hpp>

namespace drkit {

/// The three-valued result. partial never looks like success: it has its own exit code and lists what is missing.
enum class Status : std::uint8_t { complete, partial, failed };
DRKIT_API std::string_view status_name(Status status);

/// Counts of one backup. Units: bytes, entries, chunks, nanoseconds.
struct BackupStats {
  std::uint64_t entries = 0;          ///< everything in the snapshot
  std::uint64_t files = 0;            ///< regular and stream entries
  std::uint64_t files_unchanged = 0;  ///< taken over from the parent without reading
  std::uint64_t bytes = 0;            ///< plain size of all files
  std::uint64_t bytes_read = 0;       ///< read from the source
  std::uint64_t bytes_new = 0;        ///< plain bytes of chunks not stored before
  std::uint64_t bytes_stored = 0;     ///< put to the storage: packs, index, snapshot
  std::uint64_t chunks = 0;
  std::uint64_t chunks_new = 0;
  std::uint64_t problems = 0;  ///< entries missing or incomplete
  std::int64_t duration_ns = 0;
};

/// One snapshot. A frozen value; the list of problems is cut at 1000, stats.problems counts all.
struct Snapshot {
  std::string id;  ///< 32 hexadecimal digits
  Status status = Status::complete;
  std::int64_t time_ns = 0;  ///< when the backup began, nanoseconds since the Unix epoch
  std::string source_kind;
  std::string source_name;
  std::string host;
  std::map<std::string, std::string> tags;
  BackupStats stats;
  /// The next two are readable by holders of a full key alone; private_readable says whether they were read.
  bool private_readable = false;
  std::map<std::string, std::string> receipt;  ///< what the source told: LSNs, timeline, versions
  std::vector<Problem> problems;
};

}  // namespace drkit
