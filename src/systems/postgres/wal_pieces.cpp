#include "systems/postgres/wal_pieces.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "systems/postgres/wal_segment.hpp"

namespace drkit::systems::postgres {
namespace {

// Pieces go away because a longer one or the whole segment came.
constexpr int kRounds = 10;
constexpr std::chrono::milliseconds kPause{50};

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

Result<SegmentBytes> read_partial(const Context& ctx, const WalArchive& archive, const WalName& name) {
  SegmentBytes segment;
  DRKIT_ASSIGN(segment.bytes,
               archive.get(ctx, {WalKind::partial, name.system_id, name.timeline, name.start, name.end}));
  DRKIT_TRY(check_place(name, segment.bytes));
  DRKIT_ASSIGN(const WalScan scan, scan_wal(segment.bytes, [](const WalMark&) { return true; }));
  segment.end = scan.end;
  return segment;
}

// What reaches furthest; null when something of it went away, for what replaces it is there by now.
Result<std::optional<SegmentBytes>> read_grown(const Context& ctx, const WalArchive& archive, const WalName& name) {
  DRKIT_ASSIGN(const std::vector<WalObject> near, archive.list_near(ctx, name.system_id, name.timeline, name.start));
  const auto listed = [&](WalKind kind) {
    return std::any_of(near.begin(), near.end(), [&](const WalObject& each) {
      return each.name.kind == kind && each.name.timeline == name.timeline && each.name.start == name.start;
    });
  };
  if (listed(WalKind::segment)) return std::optional<SegmentBytes>();
  const std::vector<WalName> pieces = chain_of_pieces(near, name);
  const bool partial = listed(WalKind::partial);
  const auto is_damaged_from = [&](Lsn end) {
    return std::any_of(near.begin(), near.end(), [&](const WalObject& each) {
      return each.damaged && each.name.timeline == name.timeline && each.name.start >= end &&
             each.name.start < name.end;
    });
  };
  if (pieces.empty() && !partial) {
    return is_damaged_from(name.start)
               ? Error(ErrorCode::corrupt, "what is stored of this segment of the log is damaged")
               : Error(ErrorCode::not_found, "nothing of this segment is stored");
  }
  auto read = partial ? read_partial(ctx, archive, name) : Result<SegmentBytes>(SegmentBytes{});
  if (read && !pieces.empty() && (!partial || pieces.back().end > read->end)) {
    read = assemble(ctx, archive, name, pieces);
  }
  if (read) {
    read->damaged = is_damaged_from(read->end);
    return std::optional(std::move(*read));
  }
  if (read.error().code() == ErrorCode::not_found) return std::optional<SegmentBytes>();
  return std::move(read).error();
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
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) DRKIT_TRY(ctx.clock->sleep_for(kPause, ctx.cancel));
    auto whole = archive.get(ctx, name);
    if (whole) {
      if (whole->size() != name.end - name.start) return Error(ErrorCode::corrupt, "a segment of the log is not whole");
      DRKIT_TRY(check_place(name, *whole));
      return SegmentBytes{std::move(*whole), name.end, true};
    }
    if (whole.error().code() != ErrorCode::not_found) return whole.error();
    DRKIT_ASSIGN(auto grown, read_grown(ctx, archive, name));
    if (grown) return std::move(*grown);
  }
  // It is there, so nobody may take it for the end of the log.
  return Error(ErrorCode::unavailable, "the pieces of a segment change faster than they can be read", Retry::yes);
}

}  // namespace drkit::systems::postgres
