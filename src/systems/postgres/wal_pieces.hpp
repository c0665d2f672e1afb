// A segment out of the repository: whole, or put together of what is there of it.
#pragma once

#include <drkit/wal.hpp>

namespace drkit::systems::postgres {

struct SegmentBytes {
  Bytes bytes;            ///< as long as a segment; zeros behind `end`
  std::uint64_t end = 0;  ///< behind the last byte that is known
  bool whole = false;     ///< stored as one segment
  bool damaged = false;   ///< more of it was stored behind `end`, but cannot be read
};

/// The whole segment, else the longest run of pieces from its start or the partial one, whichever reaches further.
/// Errors: not_found (nothing of it is stored), corrupt (also: not the part of the log that its name says, and when
///   nothing of what is stored of it can be read), permission_denied, unavailable (its pieces are replaced all the
///   time).
Result<SegmentBytes> read_segment(const Context& ctx, const WalArchive& archive, const WalName& name);

/// Those of the pieces that together reach furthest from `start` without a hole, in order; fewest first.
std::vector<WalName> chain_of_pieces(const std::vector<WalObject>& objects, const WalName& segment);

}  // namespace drkit::systems::postgres
