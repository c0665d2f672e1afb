// Data pages: their checksums and which files have them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

inline constexpr std::size_t kPageBytes = 8192;
inline constexpr std::uint32_t kPagesPerSegment = 131072;  ///< of builds with the usual 1 GiB segments

/// The checksum that belongs into a page at this block number of its relation. The algorithm is the one that PostgreSQL
/// describes in src/include/storage/checksum_impl.h: 32 interleaved FNV-1a-like sums over 32-bit words, folded.
/// REQUIRES: kPageBytes at page.
std::uint16_t page_checksum(const std::byte* page, std::uint32_t block);

/// The position of the last change that the page's header holds. REQUIRES: kPageBytes at page.
std::uint64_t page_lsn(const std::byte* page);
/// Whether the checksum fits, or the page was never initialised and is empty. REQUIRES: kPageBytes at page.
bool page_is_good(const std::byte* page, std::uint32_t block);

struct BadPage {
  std::uint32_t block = 0;  ///< counted from the relation's start, as PostgreSQL's messages do
  std::uint16_t stored = 0;
  std::uint16_t computed = 0;  ///< 0: the page pretends to be new but is not empty
  bool operator==(const BadPage&) const = default;
};

/// Checks the pages of one relation file from pieces of any size.
class PageVerifier {
 public:
  /// segment: the N of "16384.N", 0 without. start_lsn: of the backup that the file comes from; a page written after it
  /// may be torn, which recovery repairs, so it is counted apart. 0: no such page is forgiven.
  explicit PageVerifier(std::uint32_t segment, std::uint64_t start_lsn = 0)
      : block_(segment * kPagesPerSegment), start_lsn_(start_lsn) {}
  void update(ByteView bytes);
  /// Bytes behind the last whole page; not 0 means that the file is cut.
  std::size_t trailing_bytes() const { return pending_.size(); }
  const std::vector<BadPage>& bad() const { return bad_; }  ///< at most kMaxBad of them
  std::uint64_t bad_pages() const { return bad_pages_; }
  std::uint64_t torn_pages() const { return torn_pages_; }
  static constexpr std::size_t kMaxBad = 100;

 private:
  void page(const std::byte* bytes);

  std::uint32_t block_;
  std::uint64_t start_lsn_;
  Bytes pending_;
  std::vector<BadPage> bad_;
  std::uint64_t bad_pages_ = 0;
  std::uint64_t torn_pages_ = 0;
};

/// The segment number of a relation's file when the path (in a data directory) is one whose pages carry checksums.
std::optional<std::uint32_t> relation_segment(std::string_view path);

}  // namespace drkit::systems::postgres
