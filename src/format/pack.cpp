#include "format/pack.hpp"

#include <algorithm>

namespace drkit::format {
namespace {

constexpr std::array<std::byte, 4> kTrailerMagic = {std::byte{'d'}, std::byte{'k'}, std::byte{'p'}, std::byte{'1'}};

bool valid_type(std::uint8_t type) { return type == 1 || type == 2; }

void encode_frame(base::ByteWriter& out, const FrameEntry& frame) {
  out.varint(frame.sealed_bytes);
  out.u8(frame.codec);
  out.varint(frame.chunks.size());
  for (const ChunkSlot& chunk : frame.chunks) {
    out.raw(chunk.id);
    out.varint(chunk.plain_bytes);
  }
}

FrameEntry decode_frame(base::ByteReader& in) {
  FrameEntry frame;
  frame.sealed_bytes = static_cast<std::uint32_t>(in.varint_upto(kMaxFrameBytes + kSealBytes));
  frame.codec = in.u8();
  // Every slot takes at least 33 bytes, so a hostile count cannot make us reserve more than the input's size.
  const std::uint64_t count = in.varint_upto(in.left() / 33 + 1);
  frame.chunks.reserve(static_cast<std::size_t>(count));
  std::uint64_t plain = 0;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    ChunkSlot slot;
    slot.id = in.array<32>();
    slot.plain_bytes = static_cast<std::uint32_t>(in.varint_upto(kMaxFrameBytes));
    plain += slot.plain_bytes;
    frame.chunks.push_back(slot);
  }
  if (plain > kMaxFrameBytes || frame.sealed_bytes < kSealBytes || frame.chunks.empty()) in.fail();
  frame.plain_bytes = static_cast<std::uint32_t>(plain);
  return frame;
}

}  // namespace

Bytes encode_pack_header(const PackHeader& header) {
  base::ByteWriter out;
  out.raw(kMagic);
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(Kind::pack));
  out.u8(static_cast<std::uint8_t>(header.type));
  out.raw(header.repository);
  out.u32(header.content_key.generation);
  out.raw(header.content_key.sealed);
  return out.take();
}

Result<PackHeader> decode_pack_header(ByteView bytes) {
  base::ByteReader in(bytes);
  const auto magic = in.array<6>();
  const std::uint8_t version = in.u8();
  const std::uint8_t kind = in.u8();
  const std::uint8_t type = in.u8();
  PackHeader header;
  header.repository = in.array<16>();
  header.content_key.generation = in.u32();
  header.content_key.sealed = in.array<kSealedKeyBytes>();
  if (!in.ok() || magic != kMagic || kind != static_cast<std::uint8_t>(Kind::pack) || !valid_type(type)) {
    return corrupt("pack", "header is damaged");
  }
  if (version != kVersion) {
    return Error(ErrorCode::version_unsupported, "pack of format version " + std::to_string(version));
  }
  header.type = static_cast<PackType>(type);
  return header;
}

void encode_directory(base::ByteWriter& out, const PackDirectory& directory) {
  out.varint(directory.size());
  for (const FrameEntry& frame : directory) encode_frame(out, frame);
}

Result<PackDirectory> decode_directory(base::ByteReader& in, std::uint64_t frames_bytes) {
  PackDirectory directory;
  const std::uint64_t count = in.varint_upto(in.left() / 36 + 1);
  directory.reserve(static_cast<std::size_t>(count));
  std::uint64_t sealed = 0;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    directory.push_back(decode_frame(in));
    sealed += directory.back().sealed_bytes;
  }
  if (!in.ok()) return corrupt("pack directory", "is damaged");
  if (sealed != frames_bytes) return corrupt("pack directory", "frames do not fill the pack");
  return directory;
}

Bytes frame_associated_data(const RepositoryId& repository, std::uint8_t codec, std::uint32_t plain_bytes) {
  base::ByteWriter identity;
  identity.u8(codec);
  identity.u32(plain_bytes);
  return associated_data(Kind::frame, repository, identity.view());
}

Bytes encode_pack_trailer(std::uint32_t sealed_directory_bytes) {
  base::ByteWriter out;
  out.u32(sealed_directory_bytes);
  out.raw(kTrailerMagic);
  return out.take();
}

Result<std::uint32_t> decode_pack_trailer(ByteView last_bytes) {
  base::ByteReader in(last_bytes);
  const std::uint32_t length = in.u32();
  const auto magic = in.array<4>();
  if (!in.done() || magic != kTrailerMagic || length < kSealBytes || length > kMaxDirectoryBytes) {
    return corrupt("pack", "trailer is damaged");
  }
  return length;
}

Bytes encode_index(const IndexSegment& segment) {
  base::ByteWriter out;
  out.varint(segment.supersedes.size());
  for (const Digest& name : segment.supersedes) out.raw(name);
  out.varint(segment.packs.size());
  for (const PackInfo& pack : segment.packs) {
    std::uint64_t frames_bytes = 0;
    for (const FrameEntry& frame : pack.directory) frames_bytes += frame.sealed_bytes;
    out.raw(pack.name);
    out.varint(pack.size_bytes);
    out.u8(static_cast<std::uint8_t>(pack.type));
    out.u8(pack.condemned ? 1 : 0);
    out.u32(pack.content_key.generation);
    out.raw(pack.content_key.sealed);
    out.varint(frames_bytes);
    encode_directory(out, pack.directory);
  }
  return out.take();
}

Result<IndexSegment> decode_index(ByteView plain) {
  base::ByteReader in(plain);
  IndexSegment segment;
  const std::uint64_t superseded = in.varint_upto(in.left() / 32);
  for (std::uint64_t i = 0; i < superseded && in.ok(); ++i) segment.supersedes.push_back(in.array<32>());
  const std::uint64_t packs = in.varint_upto(in.left() / 32);
  for (std::uint64_t i = 0; i < packs && in.ok(); ++i) {
    PackInfo pack;
    pack.name = in.array<32>();
    pack.size_bytes = in.varint_upto(kMaxPackBytes);
    const std::uint8_t type = in.u8();
    const std::uint8_t state = in.u8();
    if (!valid_type(type) || state > 1) in.fail();
    pack.type = static_cast<PackType>(type);
    pack.condemned = state == 1;
    pack.content_key.generation = in.u32();
    pack.content_key.sealed = in.array<kSealedKeyBytes>();
    constexpr std::uint64_t kRest = kPackHeaderBytes + kSealBytes + kPackTrailerBytes;
    if (pack.size_bytes < kRest) return corrupt("index", "lists a pack that is too small");
    const std::uint64_t frames_bytes = in.varint_upto(pack.size_bytes - kRest);
    DRKIT_ASSIGN(pack.directory, decode_directory(in, frames_bytes));
    segment.packs.push_back(std::move(pack));
  }
  if (!in.done()) return corrupt("index", "is damaged");
  return segment;
}

}  // namespace drkit::format
