#include "systems/postgres/wal_pieces.hpp"

#include <algorithm>

#include "systems/postgres/wal_segment.hpp"

namespace drkit::systems::postgres {
namespace {

// The name was authenticated with the bytes; this finds what was wrong before it was stored.
Result<void> check_place(const WalName& name, ByteView bytes) {
  DRKIT_ASSIGN(const WalPageHeader page, parse_first_page(bytes));
  if (page.address == name.start && page.system_id == name.system_id && page.timeline <= name.timeline) return {};
  return Error(ErrorCode::corrupt, "the stored segment is another part of the log than its name says");
}

Result<SegmentBytes> assemble(const Context& ctx, const WalArchive& archive, const WalName& name,
                              const std::vector<WalName>& pieces) {
  SegmentBytes segment;
  segment.bytes.resize(static_cast<std::size_t>(name.end - name.start));
  segment.end = name.start;
  for (const WalName& piece : pieces) {
    DRKIT_ASSIGN(const Bytes bytes, archive.get(ctx, piece));
    if (bytes.size() != piece.end - piece.start) return Error(ErrorCode::corrupt, "a piece of the log is not whole");
    std::copy(bytes.begin(), bytes.end(),
              segment.bytes.begin() + static_cast<std::ptrdiff_t>(piece.start - name.start));
    segment.end = piece.end;
  }
  segment.whole = segment.end == name.end;
  DRKIT_TRY(check_place(name, segment.bytes));
  return segment;
}

Result<SegmentBytes> read_grown(const Context& ctx, const WalArchive& archive, const WalName& name) {
  DRKIT_ASSIGN(const std::vector<WalObject> near, archive.list_near(ctx, name.system_id, name.timeline, name.start));
  const std::vector<WalName> pieces = chain_of_pieces(near, name);
  if (!pieces.empty()) return assemble(ctx, archive, name, pieces);
  const WalName partial{WalKind::partial, name.system_id, name.timeline, name.start, name.end};
  SegmentBytes segment;
  DRKIT_ASSIGN(segment.bytes, archive.get(ctx, partial));
  DRKIT_TRY(check_place(name, segment.bytes));
  DRKIT_ASSIGN(const WalScan scan, scan_wal(segment.bytes, [](const WalMark&) { return true; }));
  segment.end = scan.end;
  return segment;
}

}  // namespace

std::vector<WalName> chain_of_pieces(const std::vector<WalObject>& objects, const WalName& segment) {
  std::vector<WalName> chain;
  for (std::uint64_t reached = segment.start;;) {
    const WalName* best = nullptr;
    for (const WalObject& object : objects) {
      const WalName& name = object.name;
      if (name.kind != WalKind::piece || name.timeline != segment.timeline) continue;
      if (name.start < segment.start || name.start > reached || name.end <= reached || name.end > segment.end) continue;
      if (best == nullptr || name.end > best->end) best = &name;
    }
    if (best == nullptr) return chain;
    chain.push_back(*best);
    reached = best->end;
  }
}

Result<SegmentBytes> read_segment(const Context& ctx, const WalArchive& archive, const WalName& name) {
  for (int round = 0;; ++round) {
    auto whole = archive.get(ctx, name);
    if (whole) {
      if (whole->size() != name.end - name.start) return Error(ErrorCode::corrupt, "a segment of the log is not whole");
      DRKIT_TRY(check_place(name, *whole));
      return SegmentBytes{std::move(*whole), name.end, true};
    }
    if (whole.error().code() != ErrorCode::not_found) return whole.error();
    auto grown = read_grown(ctx, archive, name);
    // Its pieces may go away because the whole one came: look once more.
    if (grown || grown.error().code() != ErrorCode::not_found || round > 0) return grown;
  }
}

}  // namespace drkit::systems::postgres
