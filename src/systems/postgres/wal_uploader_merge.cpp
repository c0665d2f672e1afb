// What keeps a segment that is written one commit at a time cheap to read: fewer, longer objects.
#include <algorithm>

#include "systems/postgres/wal_uploader.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMergeCount = 16;  ///< pieces of a level that become one of the next
constexpr Lsn kMostMerged = 1 << 20;     ///< larger ones are few enough as they are, and dear to rewrite

}  // namespace

// Pieces in a row, all of one level, that one object may replace; null when there are none. REQUIRES: the lock.
WalUploader::SegmentPtr WalUploader::next_for_merge(std::vector<Piece>& pieces) const {
  const SegmentPtr& growing = open_.back();
  const std::vector<Piece>& all = growing->pieces;
  for (std::size_t at = 0; !finishing_ && at + kMergeCount <= all.size(); ++at) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = first + static_cast<std::ptrdiff_t>(kMergeCount);
    if ((end - 1)->name.end - first->name.start > kMostMerged) continue;
    if (std::any_of(first, end, [&](const Piece& piece) { return piece.level != first->level; })) continue;
    pieces.assign(first, end);
    return growing;
  }
  return nullptr;
}

// Every byte is rewritten once a level at most, so a segment written one commit at a time stays cheap to read.
Result<void> WalUploader::merge(Segment& segment, const std::vector<Piece>& pieces) {
  const WalName merged = name_of(WalKind::piece, pieces.front().name.start, pieces.back().name.end);
  DRKIT_TRY(archive_.put(ctx_, merged, bytes_of(segment, merged.start, merged.end)));
  DRKIT_TRY(drop(pieces));
  const std::lock_guard lock(mutex_);
  // Others have only added to the end meanwhile.
  const auto first = std::find_if(segment.pieces.begin(), segment.pieces.end(),
                                  [&](const Piece& piece) { return piece.name == pieces.front().name; });
  *first = {merged, first->level + 1};
  segment.pieces.erase(first + 1, first + static_cast<std::ptrdiff_t>(pieces.size()));
  return {};
}

// A tail of very small pieces is mostly their heads. REQUIRES: the lock.
std::optional<WalUploader::Tail> WalUploader::next_full_tail() const {
  const std::vector<Tail>& all = open_.back()->tails;
  const auto full = std::find_if(all.begin(), all.end(), [](const Tail& tail) { return tail.full; });
  return finishing_ || full == all.end() ? std::nullopt : std::optional(*full);
}

Result<void> WalUploader::replace(Segment& segment, const Tail& tail) {
  const WalName piece = name_of(WalKind::piece, tail.start, tail.end);
  DRKIT_TRY(archive_.put(ctx_, piece, bytes_of(segment, tail.start, tail.end)));
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(segment.tails, [&](const Tail& each) { return each.start == tail.start; });
    const auto place = std::find_if(segment.pieces.begin(), segment.pieces.end(),
                                    [&](const Piece& each) { return each.name.start > tail.start; });
    segment.pieces.insert(place, {piece, 0});
  }
  return drop(segment, {tail});
}

// A storage that never removes keeps them: they are in nobody's way.
Result<void> WalUploader::drop(const std::vector<Piece>& pieces) {
  for (const Piece& piece : pieces) {
    const auto removed = archive_.remove_piece(ctx_, piece.name);
    if (removed) continue;
    if (removed.error().code() != ErrorCode::permission_denied) return removed.error();
    return {};
  }
  return {};
}

Result<void> WalUploader::drop(const Segment& segment, const std::vector<Tail>& tails) {
  for (const Tail& tail : tails) {
    const WalName name = name_of(WalKind::tail, tail.start, tail.end);
    // What is not this receiver's goes with the whole segment, to which nobody adds any more.
    const auto is_covered = [&] {
      return archive_.is_tail_within(ctx_, name, bytes_of(segment, tail.start, segment.start + segment.filled));
    };
    DRKIT_ASSIGN(const bool covered, tail.own ? Result<bool>(true) : is_covered());
    if (!covered) {
      ctx_.write_log(LogLevel::warning,
                     "another receiver's log of the same place differs and stays: " + format_lsn(tail.start));
      continue;
    }
    const auto removed = archive_.remove_tail(ctx_, name);
    if (!removed && removed.error().code() != ErrorCode::permission_denied) return removed.error();
  }
  return {};
}

}  // namespace drkit::systems::postgres
