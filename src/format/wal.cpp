#include "format/wal.hpp"

#include <algorithm>
#include <optional>

#include "base/byte_io.hpp"
#include "crypto/sha256.hpp"

namespace drkit::format {
namespace {

bool is_sound(const WalName& name) {
  const bool known = name.kind >= WalKind::segment && name.kind <= WalKind::tail;
  if (!known || name.timeline == 0) return false;
  if (name.kind == WalKind::history) return name.start == 0 && name.end == 0;
  return name.start < name.end && (name.kind != WalKind::tail || name.end == kTailEnd);
}

}  // namespace

Bytes encode_wal_name(const WalName& name) {
  base::ByteWriter out;
  out.u8(static_cast<std::uint8_t>(name.kind));
  out.u64(name.system_id);
  out.u32(name.timeline);
  out.u64(name.start);
  out.u64(name.end);
  return out.take();
}

Result<WalName> decode_wal_name(ByteView bytes) {
  base::ByteReader in(bytes);
  WalName name;
  name.kind = static_cast<WalKind>(in.u8());
  name.system_id = in.u64();
  name.timeline = in.u32();
  name.start = in.u64();
  name.end = in.u64();
  if (!in.done() || !is_sound(name)) return corrupt("wal name", "is damaged");
  return name;
}

Bytes encode_wal_header(const WalHeader& header) {
  base::ByteWriter out;
  out.u8(header.codec);
  out.u32(header.plain_bytes);
  out.raw(header.id);
  out.i64(header.made_ns);
  const WalFacts& facts = header.facts;
  out.varint(facts.commits);
  out.i64(facts.first_time_ns);
  out.i64(facts.last_time_ns);
  out.u32(facts.min_xid);
  out.u32(facts.max_xid);
  out.varint(facts.restore_points.size());
  for (const WalRestorePoint& point : facts.restore_points) {
    out.text(point.name);
    out.u64(point.lsn);
    out.i64(point.time_ns);
  }
  out.text(facts.note);
  return out.take();
}

Result<WalHeader> decode_wal_header(ByteView plain) {
  base::ByteReader in(plain);
  WalHeader header;
  header.codec = in.u8();
  header.plain_bytes = in.u32();
  header.id = in.array<32>();
  header.made_ns = in.i64();
  WalFacts& facts = header.facts;
  facts.commits = in.varint();
  facts.first_time_ns = in.i64();
  facts.last_time_ns = in.i64();
  facts.min_xid = in.u32();
  facts.max_xid = in.u32();
  const std::uint64_t points = in.varint_upto(kMaxWalRestorePoints);
  for (std::uint64_t i = 0; i < points && in.ok(); ++i) {
    WalRestorePoint point;
    point.name = in.text();
    point.lsn = in.u64();
    point.time_ns = in.i64();
    facts.restore_points.push_back(std::move(point));
  }
  facts.note = in.text();
  if (!in.done() || header.codec > 1 || header.plain_bytes > kMaxWalPlainBytes) {
    return corrupt("wal object", "its header is damaged");
  }
  return header;
}

Result<WalPayload> decode_wal_payload(ByteView payload) {
  base::ByteReader in(payload);
  WalPayload parts;
  parts.content_key.generation = in.u32();
  parts.content_key.sealed = in.array<kSealedKeyBytes>();
  const std::uint64_t header_bytes = in.varint_upto(kMaxWalHeaderBytes);
  parts.sealed_header = in.raw(header_bytes);
  parts.sealed_body = in.raw(in.left());
  if (!in.done() || header_bytes == 0) return corrupt("wal object", "is damaged");
  return parts;
}

Result<WalHead> decode_wal_head(ByteView first_bytes) {
  if (first_bytes.size() < kWalHeaderOffset + 3) return corrupt("wal object", "is too short");
  base::ByteReader in(first_bytes.subspan(kWalHeaderOffset));
  const std::uint64_t header_bytes = in.varint_upto(kMaxWalHeaderBytes);
  if (!in.ok() || header_bytes == 0) return corrupt("wal object", "is damaged");
  WalHead head;
  head.wanted = kWalHeaderOffset + in.position() + static_cast<std::size_t>(header_bytes);
  if (header_bytes <= in.left()) {
    const ByteView sealed = in.raw(header_bytes);
    head.sealed_header.assign(sealed.begin(), sealed.end());
  }
  return head;
}

Bytes encode_wal_tail_head() {
  base::ByteWriter out;
  out.raw(kMagic);
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(Kind::wal_tail));
  return out.take();
}

Bytes encode_wal_tail_lead(std::size_t plain_bytes, std::size_t object_bytes) {
  base::ByteWriter out;
  out.u32(static_cast<std::uint32_t>(object_bytes));
  out.u32(static_cast<std::uint32_t>(plain_bytes));
  // Objects carry a checksum of their own.
  out.raw(ByteView(crypto::sha256(out.view())).first(kWalTailLeadBytes - out.size()));
  return out.take();
}

namespace {

bool is_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte each) { return each == std::byte{0}; });
}

// Null unless a whole piece begins there.
std::optional<WalTailPiece> piece_at(ByteView bytes, std::size_t at) {
  const ByteView lead = bytes.subspan(at, std::min(bytes.size() - at, kWalTailLeadBytes));
  base::ByteReader in(bytes.subspan(at));
  const std::uint32_t size = in.u32();
  WalTailPiece piece;
  piece.plain_bytes = in.u32();
  in.raw(4);
  if (!in.ok() || !std::ranges::equal(encode_wal_tail_lead(piece.plain_bytes, size), lead)) return std::nullopt;
  if (size < kMinWalObjectBytes || size > kMaxWalObjectBytes || size > in.left()) return std::nullopt;
  if (piece.plain_bytes == 0 || piece.plain_bytes > kMaxWalPlainBytes) return std::nullopt;
  piece.object = in.raw(size);
  if (!unwrap_envelope(Kind::wal, piece.object)) return std::nullopt;
  return piece;
}

}  // namespace

Result<WalTailPieces> decode_wal_tail(ByteView bytes) {
  const Bytes head = encode_wal_tail_head();
  WalTailPieces found;
  // One that a crash left before its first piece was durable may have a part of its head, and zeros or nothing behind.
  const auto same = std::mismatch(head.begin(), head.end(), bytes.begin(), bytes.end());
  if (same.first == head.end()) {
    found.end = head.size();
  } else if (!is_zero(bytes.subspan(static_cast<std::size_t>(same.second - bytes.begin())))) {
    return corrupt("wal tail", "does not begin as one");
  } else {
    found.clean_end = is_zero(bytes);
    return found;
  }
  while (const auto piece = piece_at(bytes, found.end)) {
    found.pieces.push_back(*piece);
    found.end += kWalTailLeadBytes + piece->object.size();
  }
  const ByteView rest = bytes.subspan(found.end);
  found.clean_end = is_zero(rest);
  // An object's first bytes are the same for all: only where they stand can another piece follow.
  const std::size_t least = kWalTailLeadBytes + kMagic.size();
  for (std::size_t at = 1; !found.clean_end && !found.more_after && at + least <= rest.size(); ++at) {
    const bool begins = std::ranges::equal(rest.subspan(at + kWalTailLeadBytes, kMagic.size()), kMagic);
    found.more_after = begins && piece_at(rest, at).has_value();
  }
  return found;
}

}  // namespace drkit::format
