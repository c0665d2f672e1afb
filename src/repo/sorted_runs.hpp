// SortedRuns: a map from chunk ids to locations that spills sorted runs to temporary files.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/posix_file.hpp"
#include "format/common.hpp"

namespace drkit::repo {

/// Where a chunk is. Offsets and sizes in bytes.
struct Location {
  std::uint32_t pack = 0;          ///< number in the index
  std::uint32_t frame_offset = 0;  ///< in the pack
  std::uint32_t sealed_bytes = 0;  ///< of the frame
  std::uint32_t chunk_offset = 0;  ///< in the frame's plain bytes
  std::uint32_t plain_bytes = 0;   ///< of the chunk
  std::uint32_t frame_plain_bytes = 0;
  std::uint32_t codec = 0;
};

struct IndexRow {
  format::ChunkId id;
  Location location;
};

/// Ids are keyed hashes, so they are uniform: a fence of every 64th id leads a lookup to one block of a run.
/// Thread-safety: find concurrently with find; add alone.
class SortedRuns {
 public:
  explicit SortedRuns(std::string spool_directory, std::size_t rows_in_memory = 1U << 16)
      : directory_(std::move(spool_directory)), rows_in_memory_(rows_in_memory) {}

  /// Every location of an id is kept. Errors: io, no_space.
  Result<void> add(const IndexRow& row);
  /// Any one.
  Result<std::optional<Location>> find(const format::ChunkId& id) const;
  /// All, in no promised order, at most `limit`.
  Result<std::vector<Location>> find_all(const format::ChunkId& id, std::size_t limit) const;

 private:
  struct IdHash {
    std::size_t operator()(const format::ChunkId& id) const {
      std::size_t value;
      std::memcpy(&value, id.data(), sizeof value);
      return value;
    }
  };
  struct Run {
    base::UniqueFd file;
    std::uint64_t rows = 0;
    std::vector<std::uint64_t> fence;  ///< first eight id bytes, big-endian, of every 64th row
  };
  class RunReader;
  class RunWriter;

  Result<void> spill();
  Result<void> merge_all();
  Result<void> find_in(const Run& run, const format::ChunkId& id, std::size_t limit,
                       std::vector<Location>& found) const;

  std::string directory_;
  std::size_t rows_in_memory_;
  std::unordered_multimap<format::ChunkId, Location, IdHash> memory_;
  std::vector<Run> runs_;
};

}  // namespace drkit::repo
