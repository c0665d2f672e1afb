// Little-endian writing and bounds-checked reading of format bytes.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::base {

class ByteWriter {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(static_cast<std::byte>(value)); }
  void u32(std::uint32_t value) { fixed(value, 4); }
  void u64(std::uint64_t value) { fixed(value, 8); }
  void i64(std::int64_t value) { fixed(static_cast<std::uint64_t>(value), 8); }
  /// Unsigned LEB128: seven bits a byte, lowest first.
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      u8(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    u8(static_cast<std::uint8_t>(value));
  }
  void raw(ByteView bytes);
  /// Length as varint, then the bytes.
  void blob(ByteView bytes) {
    varint(bytes.size());
    raw(bytes);
  }
  void text(std::string_view value) { blob(as_bytes(value)); }

  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  std::size_t size() const { return bytes_.size(); }
  ByteView view() const { return bytes_; }
  Bytes take() { return std::exchange(bytes_, {}); }
  void clear() { bytes_.clear(); }

 private:
  void fixed(std::uint64_t value, int count);
  Bytes bytes_;
};

/// Reads what ByteWriter wrote. After the first failure every read gives zero and ok() is false, so a decoder reads a
/// whole record and asks once.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  /// Everything was read and nothing failed.
  bool done() const { return ok_ && position_ == bytes_.size(); }
  std::size_t left() const { return bytes_.size() - position_; }
  std::size_t position() const { return position_; }
  void fail() { ok_ = false; }

  std::uint8_t u8() {
    const ByteView one = raw(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
  }
  std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
  std::uint64_t u64() { return fixed(8); }
  std::int64_t i64() { return static_cast<std::int64_t>(fixed(8)); }
  /// Refuses encodings above 64 bits and needlessly long ones, so that every value has one encoding.
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const std::uint8_t part = u8();
      if (!ok_ || (shift == 63 && part > 1)) break;
      value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
      if ((part & 0x80) == 0) {
        if (part == 0 && shift > 0) break;
        return value;
      }
    }
    ok_ = false;
    return 0;
  }
  /// A varint that must not exceed `limit`.
  std::uint64_t varint_upto(std::uint64_t limit) {
    const std::uint64_t value = varint();
    if (value > limit) ok_ = false;
    return ok_ ? value : 0;
  }
  ByteView raw(std::uint64_t count) {
    if (!ok_ || count > left()) {
      ok_ = false;
      return {};
    }
    const ByteView view = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += static_cast<std::size_t>(count);
    return view;
  }
  ByteView blob() { return raw(varint()); }
  std::string text() { return std::string(as_text(blob())); }
  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> value{};
    if (const ByteView view = raw(N); ok_) std::memcpy(value.data(), view.data(), N);
    return value;
  }

 private:
  std::uint64_t fixed(std::size_t count) {
    std::uint64_t value = 0;
    const ByteView view = raw(count);
    for (std::size_t i = 0; i < view.size(); ++i) value |= std::to_integer<std::uint64_t>(view[i]) << (8 * i);
    return value;
  }
  ByteView bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace drkit::base
