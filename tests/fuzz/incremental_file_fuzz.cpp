// A file of an incremental base backup: its header, and the walk through the whole file that it describes.
#include "fuzz/property.hpp"
#include "systems/postgres/incremental_file.hpp"
#include "systems/postgres/page.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

// Runs cover the file without a gap, and every block that follows is in one of them.
void walk(const IncrementalHeader& header, std::uint64_t blocks_before) {
  IncrementalWalk walk(header, blocks_before);
  std::uint64_t blocks = 0;
  std::uint64_t follow = 0;
  for (auto run = walk.next(7); run.kind != IncrementalWalk::Kind::end; run = walk.next(7)) {
    fuzz::require(run.blocks > 0);
    if (run.kind == IncrementalWalk::Kind::before) fuzz::require(blocks + run.blocks <= blocks_before);
    if (run.kind == IncrementalWalk::Kind::follows) follow += run.blocks;
    blocks += run.blocks;
  }
  fuzz::require(blocks * kPageBytes == header.size_bytes() && follow == header.blocks.size());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = fuzz::view(data, size);
  if (const auto whole = whole_path(as_text(bytes))) fuzz::require(whole->size() < size);
  const auto header = parse_incremental_header(bytes);
  const auto length = incremental_header_bytes(bytes);
  if (!header) return 0;
  fuzz::require(length.ok() && *length <= size);
  fuzz::require(*length == IncrementalHeader::bytes_for(static_cast<std::uint32_t>(header->blocks.size())));
  for (std::size_t i = 1; i < header->blocks.size(); ++i) fuzz::require(header->blocks[i - 1] < header->blocks[i]);
  for (const std::uint64_t before : {0U, 3U, 1U << 20}) walk(*header, before);
  return 0;
}
