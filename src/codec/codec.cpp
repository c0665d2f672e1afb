#include "codec/codec.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

namespace drkit::codec {
namespace {

// Chunks are at most 4 MiB; a larger input is compressed with no larger tables than that.
constexpr int kMaxWindowLog = 22;
constexpr std::size_t kMinSaving = 32;  // a 1/32 of the plain bytes
constexpr int kSmallWindows = 16;  // up to this level zstd asks for no more than that by itself, the fast ones for less
// Level 1 looks for no match below 7 bytes in what is larger than 256 KiB, level 2 below 6. On a cluster's files 6 cost
// nothing and programs became 3 % smaller; 5 made changed pages of indexes 17 % smaller and log 16 %, but text 3 %
// larger.
constexpr int kFastLevels = 2;
constexpr std::size_t kLongMatchesAbove = std::size_t{256} << 10;
constexpr int kUsualMatch = 6, kBriefMatch = 5;
// Larger inputs are verified in parts.
constexpr std::size_t kLarge = std::size_t{4} << 20;
constexpr std::size_t kPart = std::size_t{256} << 10;

struct ZstdFree {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Error damaged(const char* why) {
  return Error(ErrorCode::corrupt, std::string("compressed bytes are damaged: ") + why);
}

// One frame, nothing after it, of exactly the size that the caller knows. Decoding then goes straight into the caller's
// buffer: no window is allocated, whatever the header asks for.
Result<void> check_frame(ByteView encoded, std::size_t plain_bytes) {
  const unsigned long long content = ZSTD_getFrameContentSize(encoded.data(), encoded.size());
  if (content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN) {
    return damaged("not a frame of known size");
  }
  if (content != plain_bytes) {
    return damaged("another size").with("expected", std::to_string(plain_bytes)).with("found", std::to_string(content));
  }
  const std::size_t frame = ZSTD_findFrameCompressedSize(encoded.data(), encoded.size());
  if (ZSTD_isError(frame) != 0U || frame != encoded.size()) return damaged("the frame does not end where the bytes do");
  return {};
}

// No room for more than what is worth keeping: the compressor gives up by itself on what does not shrink.
std::size_t room_for(std::size_t plain_bytes) { return plain_bytes - (plain_bytes + kMinSaving - 1) / kMinSaving; }

}  // namespace

struct Decoder::State {
  std::unique_ptr<ZSTD_DCtx, ZstdFree> context{ZSTD_createDCtx()};

  // Part by part, each while it is still in the processor's cache.
  Result<bool> decodes_to(ByteView encoded, ByteView plain, std::span<std::byte> part) const {
    DRKIT_TRY(check_frame(encoded, plain.size()));
    ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
    ZSTD_inBuffer in{encoded.data(), encoded.size(), 0};
    for (std::size_t at = 0;;) {
      ZSTD_outBuffer out{part.data(), part.size(), 0};
      const std::size_t left = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(left) != 0U) return damaged(ZSTD_getErrorName(left));
      if (out.pos > plain.size() - at || std::memcmp(part.data(), plain.data() + at, out.pos) != 0) return false;
      at += out.pos;
      if (left == 0) return at == plain.size();
      if (out.pos == 0 && in.pos == in.size) return damaged("it ends early");
    }
  }
};

Decoder::Decoder() : state_(std::make_unique<State>()) {
  if (!state_->context) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(state_->context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Result<void> Decoder::decode(CodecId codec, ByteView encoded, std::span<std::byte> plain) {
  if (codec == CodecId::stored) {
    if (encoded.size() != plain.size()) {
      return Error(ErrorCode::corrupt, "stored bytes have another size")
          .with("expected", std::to_string(plain.size()))
          .with("found", std::to_string(encoded.size()));
    }
    if (!plain.empty()) std::memcpy(plain.data(), encoded.data(), plain.size());
    return {};
  }
  if (codec != CodecId::zstd) {
    return Error(ErrorCode::unsupported, "unknown codec").with("codec", std::to_string(static_cast<unsigned>(codec)));
  }
  DRKIT_TRY(check_frame(encoded, plain.size()));
  const std::size_t size =
      ZSTD_decompressDCtx(state_->context.get(), plain.data(), plain.size(), encoded.data(), encoded.size());
  if (ZSTD_isError(size) != 0U) return damaged(ZSTD_getErrorName(size));
  if (size != plain.size()) return damaged("it ends early");
  return {};
}

std::size_t Decoder::memory_bytes() const { return ZSTD_sizeof_DCtx(state_->context.get()); }

Result<void> decode(CodecId codec, ByteView encoded, std::span<std::byte> plain) {
  return Decoder().decode(codec, encoded, plain);
}

struct Encoder::State {
  std::unique_ptr<ZSTD_CCtx, ZstdFree> context{ZSTD_createCCtx()};
  Decoder decoder;
  Bytes check;  ///< grows to the largest input, kLarge at most
  FaultHook fault;

  // The reason is not passed on as `corrupt`: nothing stored is damaged, the library's own output is.
  Result<void> verify(ByteView plain, ByteView encoded) {
    const std::size_t part = plain.size() > kLarge ? kPart : plain.size();
    if (check.size() < part) check.resize(part);
    const Result<bool> same =
        plain.size() > kLarge ? decoder.state_->decodes_to(encoded, plain, check) : decode(plain, encoded);
    if (same.ok() && *same) return {};
    Error error(ErrorCode::internal, "compressor produced bytes that do not decode");
    if (!same.ok()) return std::move(error).caused_by(same.error());
    return error;
  }

  Result<bool> decode(ByteView plain, ByteView encoded) {
    const std::span<std::byte> decoded = std::span(check).first(plain.size());
    DRKIT_TRY(decoder.decode(CodecId::zstd, encoded, decoded));
    return std::memcmp(decoded.data(), plain.data(), plain.size()) == 0;
  }

  void set_level(int level, Repeats repeats, std::size_t plain_bytes) {
    ZSTD_CCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
    if (level > kSmallWindows && plain_bytes > (std::size_t{1} << kMaxWindowLog)) {
      ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kMaxWindowLog);
    }
    if (level < 1 || level > kFastLevels) return;
    if (repeats == Repeats::brief) ZSTD_CCtx_setParameter(context.get(), ZSTD_c_minMatch, kBriefMatch);
    if (repeats == Repeats::usual && plain_bytes > kLongMatchesAbove) {
      ZSTD_CCtx_setParameter(context.get(), ZSTD_c_minMatch, kUsualMatch);
    }
  }
};

Encoder::Encoder(FaultHook fault) : state_(std::make_unique<State>()) {
  if (!state_->context) throw std::bad_alloc();
  state_->fault = std::move(fault);
}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;

Result<Encoded> Encoder::encode(ByteView plain, int level, Bytes& out, Repeats repeats) {
  const std::size_t room = level == 0 ? 0 : room_for(plain.size());
  if (out.size() < room) out.resize(room);
  return encode_into(plain, level, repeats, std::span(out).first(room));
}

Result<Encoded> Encoder::encode(ByteView plain, int level, base::LargeBuffer& out, Repeats repeats) {
  return encode_into(plain, level, repeats, out.room(level == 0 ? 0 : room_for(plain.size())));
}

Result<Encoded> Encoder::encode_into(ByteView plain, int level, Repeats repeats, std::span<std::byte> room) {
  if (level < kMinLevel || level > kMaxLevel) {
    return Error(ErrorCode::invalid_argument, "compression level is out of range").with("level", std::to_string(level));
  }
  const Encoded stored{CodecId::stored, plain};
  if (level == 0 || plain.empty()) return stored;
  state_->set_level(level, repeats, plain.size());
  const std::size_t size = ZSTD_compress2(state_->context.get(), room.data(), room.size(), plain.data(), plain.size());
  if (ZSTD_isError(size) != 0U) {
    if (ZSTD_getErrorCode(size) == ZSTD_error_dstSize_tooSmall) return stored;
    if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) {
      return Error(ErrorCode::out_of_memory, "no memory to compress");
    }
    return Error(ErrorCode::internal, std::string("compressor failed: ") + ZSTD_getErrorName(size));
  }
  const std::span<std::byte> encoded = room.first(size);
  if (state_->fault) state_->fault(encoded);
  DRKIT_TRY(state_->verify(plain, encoded));
  return Encoded{CodecId::zstd, encoded};
}

Result<void> Encoder::decode(CodecId codec, ByteView encoded, std::span<std::byte> plain) {
  return state_->decoder.decode(codec, encoded, plain);
}

std::size_t Encoder::memory_bytes() const {
  return ZSTD_sizeof_CCtx(state_->context.get()) + state_->decoder.memory_bytes() + state_->check.capacity();
}

}  // namespace drkit::codec
