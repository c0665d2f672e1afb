// Objects of the write-ahead log. Pure bytes <-> values. See docs/format/wal.md.
#pragma once

#include <vector>

#include <drkit/wal.hpp>

#include "format/common.hpp"
#include "format/pack.hpp"

namespace drkit::format {

// Sealed parts of a log object; numbers of section 3 of docs/format/v1.md.
inline constexpr Kind kWalHeaderKind{48};
inline constexpr Kind kWalBodyKind{49};
inline constexpr Kind kWalNameKind{50};
inline constexpr Kind kWalGroupKind{51};

inline constexpr std::size_t kWalNameBytes = 1 + 8 + 4 + 8 + 8;
inline constexpr std::uint64_t kMaxWalPlainBytes = 64ULL << 20;
inline constexpr std::size_t kMaxWalHeaderBytes = 64 * 1024;
inline constexpr std::size_t kMaxWalRestorePoints = 200;
inline constexpr std::size_t kEnvelopeHeadBytes = 6 + 1 + 1 + 8;
/// The sealed header's length stands here.
inline constexpr std::size_t kWalHeaderOffset = kEnvelopeHeadBytes + 4 + kSealedKeyBytes;
inline constexpr std::size_t kSealedWalNameBytes = kSealBytes + kWalNameBytes;
inline constexpr std::uint64_t kTailEnd = ~std::uint64_t{0};  ///< nobody knows yet
/// No object is smaller: a head, a sealed header and a sealed body.
inline constexpr std::uint64_t kMinWalObjectBytes = kWalHeaderOffset + 1 + 2 * kSealBytes;
inline constexpr std::uint64_t kMaxWalObjectBytes = kMaxWalPlainBytes + 2 * kMaxWalHeaderBytes;

Bytes encode_wal_name(const WalName& name);
/// Errors: corrupt.
Result<WalName> decode_wal_name(ByteView bytes);

struct WalHeader {
  std::uint8_t codec = 0;
  std::uint32_t plain_bytes = 0;
  Digest id{};  ///< of the plain bytes, keyed as a chunk's
  std::int64_t made_ns = 0;
  WalFacts facts;
};
Bytes encode_wal_header(const WalHeader& header);
Result<WalHeader> decode_wal_header(ByteView plain);

/// The parts of a payload.
struct WalPayload {
  SealedContentKey content_key;
  ByteView sealed_header;
  ByteView sealed_body;
};
/// The views are into `payload`.
Result<WalPayload> decode_wal_payload(ByteView payload);
/// The sealed header out of the first bytes of an object (envelope included); how many bytes it takes when it is cut.
struct WalHead {
  Bytes sealed_header;
  std::size_t wanted = 0;  ///< bytes of the object to ask for when sealed_header is empty
};
Result<WalHead> decode_wal_head(ByteView first_bytes);

/// What every tail begins with. No piece is added once all that is not log has so many bytes.
inline constexpr std::uint64_t kMostWalTailHeads = 4ULL << 20;
inline constexpr std::uint64_t kMaxWalTailBytes = kMaxWalObjectBytes + kMostWalTailHeads;
Bytes encode_wal_tail_head();
/// What stands before an object in a tail: its length, that of its log, and a check of both.
inline constexpr std::size_t kWalTailLeadBytes = 4 + 4 + 4;
/// One piece of a tail: how long its log is, and the object that it would be by itself.
struct WalTailPiece {
  std::uint32_t plain_bytes = 0;
  ByteView object;
};
/// What stands before an object in a tail. REQUIRES: it is no larger than kMaxWalObjectBytes.
Bytes encode_wal_tail_lead(std::size_t plain_bytes, std::size_t object_bytes);
/// The pieces that are whole and of these the first ones, without a damaged one in between; views into `bytes`.
struct WalTailPieces {
  std::vector<WalTailPiece> pieces;
  std::size_t end = 0;      ///< of the last one
  bool clean_end = false;   ///< behind it there is nothing but zeros
  bool more_after = false;  ///< behind what is not whole another whole piece follows: that is damage, and no crash
};
/// Errors: corrupt when it is no tail.
Result<WalTailPieces> decode_wal_tail(ByteView bytes);

}  // namespace drkit::format
