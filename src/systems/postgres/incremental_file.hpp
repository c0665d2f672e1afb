// A file of an incremental base backup (servers from 17 on): which blocks it has, and which are those of before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

/// The path of the whole file when this is the name of an incremental one ("base/5/INCREMENTAL.1259").
std::optional<std::string> whole_path(std::string_view path);

/// What stands at the start of an incremental file. The blocks themselves follow it.
struct IncrementalHeader {
  std::vector<std::uint32_t> blocks;   ///< that follow, rising
  std::uint32_t truncation_block = 0;  ///< blocks from here on that do not follow are not those of before

  /// Of the whole file.
  std::uint64_t size_bytes() const;
  /// Bytes that the header takes.
  static std::uint64_t bytes_for(std::uint32_t block_count);
};

/// The part that says how long the header is.
inline constexpr std::size_t kIncrementalStartBytes = 12;
/// How long the header is, from its first kIncrementalStartBytes. Errors: corrupt.
Result<std::uint64_t> incremental_header_bytes(ByteView start);
/// REQUIRES: bytes as incremental_header_bytes answered. Errors: corrupt.
Result<IncrementalHeader> parse_incremental_header(ByteView bytes);

/// Walks through the whole file: runs of blocks that follow, of blocks as before, and of zeros.
class IncrementalWalk {
 public:
  enum class Kind : std::uint8_t { end, follows, before, zeros };
  struct Run {
    Kind kind = Kind::end;
    std::uint64_t blocks = 0;
  };
  IncrementalWalk(IncrementalHeader header, std::uint64_t blocks_before)
      : header_(std::move(header)), blocks_before_(blocks_before), end_(header_.size_bytes()) {}
  /// The next run, of at most so many blocks.
  Run next(std::uint64_t most);

 private:
  IncrementalHeader header_;
  std::uint64_t blocks_before_;  ///< that the earlier file has
  std::uint64_t end_;            ///< in bytes
  std::uint64_t position_ = 0;   ///< in blocks
  std::size_t next_ = 0;         ///< of header_.blocks
};

}  // namespace drkit::systems::postgres
