// Incremental reader of the ustar streams that PostgreSQL's base backup sends. Pure: bytes in, events out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <drkit/entry.hpp>
#include <drkit/result.hpp>

namespace drkit::systems::postgres {

struct TarEvent {
  enum class Kind : std::uint8_t {
    need_more,    ///< the input is used up
    entry,        ///< TarReader::entry() is the next member
    data,         ///< content of that member
    entry_end,    ///< the member is complete; comes after every entry, also of those without content
    archive_end,  ///< the two closing blocks of zeros were seen
  };
  Kind kind = Kind::need_more;
  ByteView data;  ///< a view into the input
};

/// Understands ustar members (files, directories, symlinks, hard links), base-256 numbers and the pax records path,
/// linkpath, size, uid, gid and mtime. Paths come out relative and clean.
/// Errors: corrupt (bad checksum, number or path, cut archive), unsupported (member of another kind).
/// Thread-safety: one thread at a time.
class TarReader {
 public:
  /// The next event; takes what it used off the front of input.
  Result<TarEvent> next(ByteView& input);
  /// The member announced last.
  const Entry& entry() const { return entry_; }
  /// Answers corrupt when the archive stopped in the middle. Archives without closing blocks are complete at a
  /// member's border.
  Result<void> finish() const;
  /// Position in the archive, for messages.
  std::uint64_t offset() const { return offset_; }

 private:
  enum class State : std::uint8_t { header, content, padding, extended, done };
  static constexpr std::size_t kBlock = 512;
  using Block = std::array<char, kBlock>;

  struct PaxValues {
    std::optional<std::string> path, link;
    std::optional<std::uint64_t> size, uid, gid;
    std::optional<std::int64_t> mtime_ns;
  };

  ByteView take(ByteView& input, std::uint64_t limit);
  Result<TarEvent> on_header(ByteView& input);
  Result<TarEvent> on_content(ByteView& input);
  Result<TarEvent> on_padding(ByteView& input);
  Result<TarEvent> on_extended(ByteView& input);
  Result<bool> parse_header(const Block& block);
  Result<void> parse_member(const Block& block, char type, std::uint64_t size);
  Result<void> parse_pax(std::string_view records);
  Result<void> apply_pax(std::string_view key, std::string_view value);
  Error corrupt(std::string message) const;

  State state_ = State::header;
  Block block_{};
  std::size_t block_filled_ = 0;
  unsigned zero_blocks_ = 0;
  std::uint64_t content_left_ = 0;
  std::uint64_t padding_left_ = 0;
  std::uint64_t offset_ = 0;
  bool in_extended_ = false;
  std::string extended_;
  PaxValues pax_;
  Entry entry_;
};

}  // namespace drkit::systems::postgres
