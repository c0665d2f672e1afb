#include "storage/mirror/comparison.hpp"

#include <set>

namespace drkit::storage::mirror {
namespace {

bool removed_elsewhere(const std::string& key, std::size_t copies, const Gaps& gaps) {
  for (std::size_t i = 0; i < copies; ++i) {
    if (gaps.has(key, i, GapKind::leftover)) return true;
  }
  return false;
}

}  // namespace

void Comparison::note_gaps(const Context& ctx, const std::vector<bool>& listed, Gaps& gaps) const {
  std::vector<std::size_t> missing(copies_);
  for (const auto& [key, row] : sizes_) {
    std::set<std::uint64_t> different;
    for (const auto& size : row) {
      if (size) different.insert(*size);
    }
    for (std::size_t i = 0; i < copies_; ++i) {
      if (!listed[i] || gaps.has(key, i)) continue;
      if (!row[i] && !removed_elsewhere(key, copies_, gaps)) {
        ++missing[i];
        gaps.note(ctx, key, i, GapKind::missing, "it is not there", LogLevel::info);
      }
      if (row[i] && different.size() > 1) {
        gaps.note(ctx, key, i, GapKind::suspect, "its size is not that of another copy");
      }
    }
  }
  for (std::size_t i = 0; i < copies_; ++i) {
    if (missing[i] == 0) continue;
    ctx.write_log(LogLevel::warning, "copy " + std::to_string(i + 1) + " of the mirror: " + std::to_string(missing[i]) +
                                         (missing[i] == 1 ? " object is" : " objects are") + " not there");
  }
}

}  // namespace drkit::storage::mirror
