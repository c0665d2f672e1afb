// Pack: sealed frames of chunks, and the directory that finds them. Pure bytes <-> values.
#pragma once

#include <vector>

#include "base/byte_io.hpp"
#include "format/common.hpp"

namespace drkit::format {

enum class PackType : std::uint8_t { data = 1, meta = 2 };

inline constexpr std::size_t kNonceBytes = 24;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kSealBytes = kNonceBytes + kTagBytes;  ///< what a seal adds
inline constexpr std::size_t kSealedKeyBytes = 32 + 48;
inline constexpr std::size_t kPackHeaderBytes = 8 + 1 + 16 + 4 + kSealedKeyBytes;
inline constexpr std::size_t kPackTrailerBytes = 4 + 4;
inline constexpr std::uint32_t kMaxFrameBytes = 64U << 20;  ///< plain; a reader refuses more
inline constexpr std::uint64_t kMaxPackBytes = 1ULL << 30;
inline constexpr std::uint32_t kMaxDirectoryBytes = 16U << 20;  ///< sealed

/// The content key of a writer's session, sealed to the data key of a generation.
struct SealedContentKey {
  std::uint32_t generation = 0;
  std::array<std::byte, kSealedKeyBytes> sealed{};
  bool operator==(const SealedContentKey&) const = default;
};

struct PackHeader {
  PackType type = PackType::data;
  RepositoryId repository{};
  SealedContentKey content_key;
};
Bytes encode_pack_header(const PackHeader& header);
/// REQUIRES: bytes.size() >= kPackHeaderBytes is checked.
Result<PackHeader> decode_pack_header(ByteView bytes);

struct ChunkSlot {
  ChunkId id{};
  std::uint32_t plain_bytes = 0;
};

/// One sealed frame: its chunks stand one after the other in the plain bytes.
struct FrameEntry {
  std::uint32_t sealed_bytes = 0;
  std::uint8_t codec = 0;
  std::uint32_t plain_bytes = 0;
  std::vector<ChunkSlot> chunks;
};
using PackDirectory =
    std::vector<FrameEntry>;  ///< in the order of the frames in the pack, the first at kPackHeaderBytes

void encode_directory(base::ByteWriter& out, const PackDirectory& directory);
/// Errors (corrupt): sizes that do not add up, or frames beyond `frames_bytes`.
Result<PackDirectory> decode_directory(base::ByteReader& in, std::uint64_t frames_bytes);

/// Associated data of one frame.
Bytes frame_associated_data(const RepositoryId& repository, std::uint8_t codec, std::uint32_t plain_bytes);

Bytes encode_pack_trailer(std::uint32_t sealed_directory_bytes);
/// Length of the sealed directory, from the last kPackTrailerBytes of a pack.
Result<std::uint32_t> decode_pack_trailer(ByteView last_bytes);

/// What an index keeps of a pack: everything needed to read it and to rebuild nothing.
struct PackInfo {
  Digest name{};
  std::uint64_t size_bytes = 0;
  PackType type = PackType::data;
  SealedContentKey content_key;
  PackDirectory directory;
  bool condemned = false;  ///< about to be removed: readers may use it, writers must not count on it
};

struct IndexSegment {
  std::vector<Digest> supersedes;  ///< index objects that this one replaces
  std::vector<PackInfo> packs;
};
/// Plain payload of an index object, before sealing.
Bytes encode_index(const IndexSegment& segment);
Result<IndexSegment> decode_index(ByteView plain);

}  // namespace drkit::format
