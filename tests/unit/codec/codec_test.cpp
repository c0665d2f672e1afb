#include "codec/codec.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::codec;
using drkit::testing::SeededRandom;

namespace {

// Text-like: words of a small vocabulary.
Bytes make_text(std::size_t size, std::uint64_t seed) {
  SeededRandom random(seed);
  std::string text;
  while (text.size() < size) text += "word" + std::to_string(random.below(500)) + ", ";
  text.resize(size);
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

Bytes zstd_frame(ByteView plain) {
  Encoder encoder;
  Bytes out;
  const Encoded encoded = encoder.encode(plain, 3, out).value();
  REQUIRE(encoded.codec == CodecId::zstd);
  return {encoded.bytes.begin(), encoded.bytes.end()};
}

// The frame of other contents of the same size whose frame has the same size too.
Bytes frame_of_other_contents(Bytes plain) {
  const std::size_t wanted = zstd_frame(plain).size();
  for (std::byte& changed : plain) {
    changed ^= std::byte{1};
    Bytes frame = zstd_frame(plain);
    if (frame.size() == wanted) return frame;
    changed ^= std::byte{1};
  }
  return {};
}

}  // namespace

TEST_CASE("every level gives back what went in, in one context") {
  Encoder encoder;
  Bytes out;
  for (int level = kMinLevel; level <= kMaxLevel; ++level) {
    CAPTURE(level);
    for (const std::size_t size : {1UL, 100UL, 8192UL, 70000UL}) {
      const Bytes plain = make_text(size, static_cast<std::uint64_t>(size));
      const auto encoded = encoder.encode(plain, level, out);
      REQUIRE(encoded);
      if (level == 0) {
        CHECK(encoded->codec == CodecId::stored);
      } else if (size > 100) {
        CHECK(encoded->codec == CodecId::zstd);
        CHECK(encoded->bytes.size() + size / 32 <= size);
      }
      Bytes decoded(size);
      REQUIRE(decode(encoded->codec, encoded->bytes, decoded));
      REQUIRE(decoded == plain);
    }
  }
}

TEST_CASE("short repeats are found where they are told of, and decode as all others do") {
  // Records: six bytes that are nobody else's, and one of 64 words of five.
  SeededRandom random(5);
  Bytes plain(std::size_t{1} << 20);
  random.fill(plain);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i % 11 >= 6) plain[i] = static_cast<std::byte>(i / 11 % 64 * 37 + i % 11 * 101);
  }
  Encoder encoder;
  Bytes out;
  for (const int level : {1, 2, 3, 9}) {
    CAPTURE(level);
    const std::size_t usual = encoder.encode(plain, level, out).value().bytes.size();
    const Encoded brief = encoder.encode(plain, level, out, Repeats::brief).value();
    if (level < 3) CHECK(brief.bytes.size() < usual - usual / 20);
    if (level >= 3) CHECK(brief.bytes.size() == usual);
    Bytes decoded(plain.size());
    REQUIRE(decode(brief.codec, brief.bytes, decoded));
    CHECK(decoded == plain);
  }
}

TEST_CASE("what does not shrink by a 32nd is stored, without a copy") {
  SeededRandom random(1);
  Encoder encoder;
  Bytes out;
  Bytes plain = random.bytes(100000);
  for (const int level : {-7, 1, 9}) {
    const Encoded encoded = encoder.encode(plain, level, out).value();
    CHECK(encoded.codec == CodecId::stored);
    CHECK(encoded.bytes.data() == plain.data());
    CHECK(encoded.bytes.size() == plain.size());
  }
  std::memset(plain.data(), 0, 2000);  // saves 2 %
  CHECK(encoder.encode(plain, 3, out).value().codec == CodecId::stored);
  std::memset(plain.data(), 0, 4000);  // saves 4 %
  CHECK(encoder.encode(plain, 3, out).value().codec == CodecId::zstd);
  CHECK(encoder.encode({}, 3, out).value().codec == CodecId::stored);
}

TEST_CASE("levels out of range are refused") {
  Encoder encoder;
  Bytes out;
  CHECK(encoder.encode(Bytes(10), -8, out).error().code() == ErrorCode::invalid_argument);
  CHECK(encoder.encode(Bytes(10), 20, out).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("the compressor is not trusted: any damage before the verification is found") {
  std::size_t target = 0;
  Encoder encoder([&](std::span<std::byte> encoded) { encoded[target % encoded.size()] ^= std::byte{0x10}; });
  Bytes out;
  const Bytes plain = make_text(20000, 2);
  // The frame's descriptor has an unused bit (0x10 of byte 4), which no decoder needs to look at.
  for (target = 5; target < 2000; target += 7) {
    const auto result = encoder.encode(plain, 3, out);
    REQUIRE_FALSE(result.ok());
    REQUIRE(result.error().code() == ErrorCode::internal);
    REQUIRE(result.error().message() == "compressor produced bytes that do not decode");
  }
}

TEST_CASE("a compressor that gives a good frame of other contents is found") {
  const Bytes plain = make_text(5000, 3);
  const Bytes forged = frame_of_other_contents(plain);
  REQUIRE_FALSE(forged.empty());
  Encoder encoder([&](std::span<std::byte> encoded) {
    REQUIRE(encoded.size() == forged.size());
    std::memcpy(encoded.data(), forged.data(), forged.size());
  });
  Bytes out;
  const auto result = encoder.encode(plain, 3, out);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code() == ErrorCode::internal);
  CHECK(result.error().cause() == nullptr);
}

TEST_CASE("decoding refuses other sizes, cuts, trailing bytes and unknown codecs") {
  const Bytes plain = make_text(10000, 4);
  Bytes frame = zstd_frame(plain);
  Decoder decoder;
  Bytes decoded(plain.size());
  REQUIRE(decoder.decode(CodecId::zstd, frame, decoded));
  CHECK(decoded == plain);
  for (const std::size_t size : {0UL, 9999UL, 10001UL, 1000000UL}) {
    Bytes other(size);
    CHECK(decoder.decode(CodecId::zstd, frame, other).error().code() == ErrorCode::corrupt);
  }
  for (std::size_t size = 0; size < frame.size(); ++size) {
    REQUIRE(decoder.decode(CodecId::zstd, ByteView(frame).first(size), decoded).error().code() == ErrorCode::corrupt);
  }
  Bytes twice = frame;
  twice.insert(twice.end(), frame.begin(), frame.end());
  CHECK(decoder.decode(CodecId::zstd, twice, decoded).error().code() == ErrorCode::corrupt);
  frame.push_back(std::byte{0});
  CHECK(decoder.decode(CodecId::zstd, frame, decoded).error().code() == ErrorCode::corrupt);
  CHECK(decoder.decode(CodecId::stored, plain, std::span(decoded).first(9999)).error().code() == ErrorCode::corrupt);
  CHECK(decoder.decode(static_cast<CodecId>(9), frame, decoded).error().code() == ErrorCode::unsupported);
  CHECK(decoder.decode(CodecId::stored, {}, {}).ok());
}

TEST_CASE("hostile bytes cost neither memory nor a crash") {
  SeededRandom random(5);
  Decoder decoder;
  const std::size_t before = decoder.memory_bytes();
  Bytes frame = zstd_frame(make_text(3000, 5));
  Bytes decoded(3000);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    Bytes hostile = frame;
    for (std::uint64_t i = 0; i <= random.below(4); ++i) {
      hostile[random.below(hostile.size())] = static_cast<std::byte>(random.below(256));
    }
    if (decoder.decode(CodecId::zstd, hostile, decoded).ok()) ++accepted;
  }
  CHECK(accepted < 20000);
  // A frame that asks for a window of 2 TiB and states the right size.
  const unsigned char huge[] = {0x28, 0xb5, 0x2f, 0xfd, 0x80, 0xff, 0xb8, 0x0b, 0, 0, 0x03, 0, 0, 0xaa};
  CHECK_FALSE(decoder.decode(CodecId::zstd, std::as_bytes(std::span(huge)), decoded).ok());
  CHECK(decoder.memory_bytes() == before);
}

TEST_CASE("memory of an encoder is bounded") {
  const Bytes plain = make_text(1 << 20, 6);
  Bytes out;
  const auto memory_at = [&](int level) {
    Encoder encoder;
    REQUIRE(encoder.encode(plain, level, out));
    MESSAGE("level " << level << ", 1 MiB of input: " << encoder.memory_bytes() << " bytes");
    return encoder.memory_bytes();
  };
  CHECK(memory_at(1) < 4U << 20);
  CHECK(memory_at(3) < 6U << 20);
  CHECK(memory_at(19) < 32U << 20);
}

TEST_CASE("large inputs are verified part by part, and any damage is found") {
  const Bytes plain = make_text((std::size_t{9} << 20) + 5, 12);
  base::LargeBuffer out;
  Encoder encoder;
  const auto encoded = encoder.encode(plain, 1, out);
  REQUIRE(encoded);
  CHECK(encoded->codec == CodecId::zstd);
  Bytes back(plain.size());
  REQUIRE(decode(encoded->codec, encoded->bytes, back).ok());
  CHECK(back == plain);
  // One byte at the end, in the middle, and a frame that is cut.
  for (const std::size_t part : {1UL, 2UL, 3UL}) {
    CAPTURE(part);
    Encoder damaging([&](std::span<std::byte> bytes) { bytes[(bytes.size() - 1) / part] ^= std::byte{0x10}; });
    const auto refused = damaging.encode(plain, 1, out);
    REQUIRE(!refused.ok());
    CHECK(refused.error().code() == ErrorCode::internal);
  }
  // A good frame of the same size of other contents.
  Bytes other = plain;
  other[plain.size() - 3] ^= std::byte{1};
  base::LargeBuffer again;
  const auto frame = encoder.encode(other, 1, again);
  REQUIRE(frame);
  Encoder swapping([&](std::span<std::byte> bytes) {
    if (bytes.size() == frame->bytes.size()) std::memcpy(bytes.data(), frame->bytes.data(), bytes.size());
  });
  if (frame->bytes.size() == encoded->bytes.size()) CHECK(!swapping.encode(plain, 1, out).ok());

  Bytes noise(std::size_t{5} << 20);
  SeededRandom(4).fill(noise);
  const auto stored = encoder.encode(noise, 1, out);
  REQUIRE(stored);
  CHECK(stored->codec == CodecId::stored);
  CHECK(stored->bytes.data() == noise.data());
}
