#include "systems/postgres/incremental_file.hpp"

#include <algorithm>
#include <cstring>

#include "systems/postgres/page.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::string_view kMark = "INCREMENTAL.";
constexpr std::uint32_t kMagic = 0xd3ae1f0d;
// A segment has at most a GiB in any usual build; a number beyond this one is damage, not size.
constexpr std::uint32_t kMaxBlocks = 1U << 20;

std::uint32_t number_at(ByteView bytes, std::size_t index) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

Error malformed(std::string what) {
  return Error(ErrorCode::corrupt, "a file of the incremental backup is malformed: " + std::move(what));
}

}  // namespace

std::optional<std::string> whole_path(std::string_view path) {
  const std::size_t name = path.rfind('/') + 1;
  if (!path.substr(name).starts_with(kMark) || path.size() == name + kMark.size()) return std::nullopt;
  return std::string(path.substr(0, name)) + std::string(path.substr(name + kMark.size()));
}

std::uint64_t IncrementalHeader::size_bytes() const {
  const std::uint64_t last = blocks.empty() ? 0 : std::uint64_t{blocks.back()} + 1;
  return std::max<std::uint64_t>(truncation_block, last) * kPageBytes;
}

std::uint64_t IncrementalHeader::bytes_for(std::uint32_t block_count) {
  const std::uint64_t plain = kIncrementalStartBytes + std::uint64_t{block_count} * sizeof(std::uint32_t);
  // Blocks are aligned in the file; where none follow there is nothing to align.
  return block_count == 0 ? plain : (plain + kPageBytes - 1) / kPageBytes * kPageBytes;
}

Result<std::uint64_t> incremental_header_bytes(ByteView start) {
  if (start.size() < kIncrementalStartBytes) return malformed("it is cut");
  if (number_at(start, 0) != kMagic) return malformed("it does not begin as one");
  if (number_at(start, 1) > kMaxBlocks || number_at(start, 2) > kMaxBlocks)
    return malformed("it counts too many blocks");
  return IncrementalHeader::bytes_for(number_at(start, 1));
}

Result<IncrementalHeader> parse_incremental_header(ByteView bytes) {
  DRKIT_ASSIGN(const std::uint64_t size, incremental_header_bytes(bytes));
  if (bytes.size() < size) return malformed("it is cut");
  IncrementalHeader header;
  header.truncation_block = number_at(bytes, 2);
  const std::uint32_t count = number_at(bytes, 1);
  header.blocks.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t block = number_at(bytes, 3 + i);
    const bool rises = header.blocks.empty() || block > header.blocks.back();
    if (!rises || block >= kMaxBlocks) return malformed("its blocks are out of order");
    header.blocks.push_back(block);
  }
  return header;
}

IncrementalWalk::Run IncrementalWalk::next(std::uint64_t most) {
  const std::uint64_t end = end_ / kPageBytes;
  if (position_ >= end || most == 0) return {};
  const auto& blocks = header_.blocks;
  Run run;
  if (next_ < blocks.size() && blocks[next_] == position_) {
    run.kind = Kind::follows;
    while (run.blocks < most && next_ < blocks.size() && blocks[next_] == position_ + run.blocks) {
      ++run.blocks;
      ++next_;
    }
  } else {
    const std::uint64_t gap_end = next_ < blocks.size() ? blocks[next_] : end;
    const std::uint64_t known = std::min<std::uint64_t>(header_.truncation_block, blocks_before_);
    run.kind = position_ < known ? Kind::before : Kind::zeros;
    run.blocks = (run.kind == Kind::before ? std::min(gap_end, known) : gap_end) - position_;
  }
  position_ += run.blocks;
  return run;
}

}  // namespace drkit::systems::postgres
