#include "engine/extent_list.hpp"

#include <limits>

namespace drkit::engine {
namespace {
constexpr std::size_t kExtentsPerNode = 8192;
}

Result<void> ExtentList::add(const format::ChunkId& chunk, std::uint32_t offset, std::uint32_t length) {
  if (gap_ == 0 && !content_.extents.empty()) {
    format::Extent& last = content_.extents.back();
    const bool continues = last.chunk == chunk && last.chunk_offset + last.length_bytes == offset;
    if (continues && length <= std::numeric_limits<std::uint32_t>::max() - offset) {
      last.length_bytes += length;
      return {};
    }
  }
  if (content_.extents.size() >= kExtentsPerNode) DRKIT_TRY(spill());
  content_.extents.push_back({chunk, std::exchange(gap_, 0), offset, length});
  return {};
}

Result<format::Content> ExtentList::finish() {
  if (!content_.nodes.empty()) DRKIT_TRY(spill());
  gap_ = 0;
  return std::exchange(content_, {});
}

Result<void> ExtentList::spill() {
  std::vector<format::Extent> extents = std::exchange(content_.extents, {});
  if (extents.empty()) return {};
  format::ExtentNodeRef ref;
  DRKIT_ASSIGN(ref.node, manifest_.store_extents(extents));
  ref.extents = extents.size();
  for (const format::Extent& extent : extents) ref.bytes += extent.gap_bytes + extent.length_bytes;
  content_.nodes.push_back(ref);
  return {};
}

}  // namespace drkit::engine
