// Codec: compresses chunks, and never trusts the compressor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <drkit/result.hpp>

#include "base/large_bytes.hpp"

namespace drkit::codec {

/// Values are stored in the repository: pinned for ever.
enum class CodecId : std::uint8_t {
  stored = 0,
  zstd = 1,  ///< one zstd frame that states its content size
};

inline constexpr int kMinLevel = -7;
inline constexpr int kMaxLevel = 19;

/// What is known of bytes before they are compressed. It changes how much is found, never what can be decoded.
enum class Repeats : std::uint8_t {
  usual,
  brief,  ///< pages from many places and records of changes: what repeats is short, and worth finding at any level
};

/// Takes encoded bytes back.
/// Thread-safety: one thread at a time.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  /// Fills plain, whose size must be the content's exactly. Needs no memory in proportion to what the bytes claim.
  /// Errors: corrupt (damage, another size, bytes after the end), unsupported (unknown codec); plain is then undefined.
  Result<void> decode(CodecId codec, ByteView encoded, std::span<std::byte> plain);
  /// Memory held, for the budget.
  std::size_t memory_bytes() const;

 private:
  friend class Encoder;
  struct State;
  std::unique_ptr<State> state_;
};

/// As Decoder::decode, for a single call.
Result<void> decode(CodecId codec, ByteView encoded, std::span<std::byte> plain);

struct Encoded {
  CodecId codec = CodecId::stored;
  ByteView bytes;  ///< views the buffer given to encode, or the plain bytes themselves when stored
};

/// Thread-safety: one thread at a time; each worker has its own.
class Encoder {
 public:
  /// Called with the compressor's output before it is verified: tests damage it there.
  using FaultHook = std::function<void(std::span<std::byte> encoded)>;

  explicit Encoder(FaultHook fault = {});
  ~Encoder();
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;

  /// Compresses when that saves at least 1/32, else answers stored. What it answers was decoded and compared.
  /// Level: -7 (fastest) to 19; 0 always stores. `out` is working memory, reused from call to call: it grows to
  /// plain.size() at most and is not shrunk.
  /// Errors: invalid_argument (level), internal (the compressor's output does not decode), out_of_memory.
  Result<Encoded> encode(ByteView plain, int level, Bytes& out, Repeats repeats = Repeats::usual);
  /// For inputs of many megabytes: what is compressed to little costs little memory.
  Result<Encoded> encode(ByteView plain, int level, base::LargeBuffer& out, Repeats repeats = Repeats::usual);
  Result<void> decode(CodecId codec, ByteView encoded, std::span<std::byte> plain);
  /// Memory held, for the budget: the contexts and the buffer of the verification.
  std::size_t memory_bytes() const;

 private:
  struct State;
  Result<Encoded> encode_into(ByteView plain, int level, Repeats repeats, std::span<std::byte> room);
  std::unique_ptr<State> state_;
};

}  // namespace drkit::codec
