// WalBuilder: a write-ahead log with records and pages as a server writes them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <drkit/result.hpp>

#include "systems/postgres/crc32c.hpp"

namespace drkit::testing {

class WalBuilder {
 public:
  WalBuilder(std::uint64_t system_id, std::uint32_t timeline, std::uint64_t start, std::uint32_t segment_bytes,
             std::uint32_t block_bytes = 8192)
      : system_id_(system_id), timeline_(timeline), start_(start), segment_(segment_bytes), block_(block_bytes) {
    add_page(0);
  }

  /// Adds a record with this main data and answers its position.
  std::uint64_t add(std::uint8_t manager, std::uint8_t info, std::uint32_t xid, ByteView data) {
    Bytes record(24);
    if (data.size() < 256) {
      record.push_back(std::byte{255});
      record.push_back(static_cast<std::byte>(data.size()));
    } else {
      record.push_back(std::byte{254});
      const auto length = static_cast<std::uint32_t>(data.size());
      append(record, &length, sizeof length);
    }
    record.insert(record.end(), data.begin(), data.end());
    const auto total = static_cast<std::uint32_t>(record.size());
    std::memcpy(record.data(), &total, 4);
    std::memcpy(record.data() + 4, &xid, 4);
    record[16] = static_cast<std::byte>(info);
    record[17] = static_cast<std::byte>(manager);
    systems::postgres::Crc32c crc;
    crc.update(ByteView(record).subspan(24));
    crc.update(ByteView(record).first(20));
    const std::uint32_t sum = crc.value();
    std::memcpy(record.data() + 20, &sum, 4);
    return write(record);
  }
  std::uint64_t commit(std::uint32_t xid, std::int64_t server_time) { return end_of(0x00, xid, server_time); }
  std::uint64_t abort(std::uint32_t xid, std::int64_t server_time) { return end_of(0x20, xid, server_time); }
  std::uint64_t restore_point(std::string_view name, std::int64_t server_time) {
    Bytes data(72);
    std::memcpy(data.data(), &server_time, 8);
    std::memcpy(data.data() + 8, name.data(), std::min<std::size_t>(name.size(), 63));
    return add(0, 0x70, 0, data);
  }
  /// A record of which only the part on this page was written when the server crashed; the next page says so.
  std::uint64_t abandon(std::uint8_t manager, std::uint32_t xid, ByteView data) {
    const std::size_t before = bytes_.size();
    const std::uint64_t at = add(manager, 0, xid, data);
    bytes_.resize((before / block_ + 1) * block_);
    add_page(0, 8);
    return at;
  }
  /// Ends the file of the log; the next record begins the next one.
  std::uint64_t switch_file() {
    const std::uint64_t at = add(0, 0x40, 0, {});
    bytes_.resize((bytes_.size() + segment_ - 1) / segment_ * segment_);
    return at;
  }
  std::uint64_t end() const { return start_ + bytes_.size(); }
  const Bytes& bytes() const { return bytes_; }
  /// Filled up with zeros to whole segments.
  Bytes padded() const {
    Bytes whole = bytes_;
    whole.resize((whole.size() + segment_ - 1) / segment_ * segment_);
    return whole;
  }

 private:
  static void append(Bytes& out, const void* data, std::size_t size) {
    const std::size_t old = out.size();
    out.resize(old + size);
    std::memcpy(out.data() + old, data, size);
  }
  std::uint64_t end_of(std::uint8_t info, std::uint32_t xid, std::int64_t server_time) {
    return add(1, info, xid, std::as_bytes(std::span(&server_time, 1)));
  }
  void add_page(std::uint32_t remaining, std::uint16_t more_flags = 0) {
    const std::uint64_t address = end();
    const bool first = address % segment_ == 0;
    const auto flags = static_cast<std::uint16_t>((remaining > 0 ? 1 : 0) | (first ? 2 : 0) | more_flags);
    const std::uint16_t magic = 0xD110;
    const std::uint32_t padding = 0;
    append(bytes_, &magic, 2);
    append(bytes_, &flags, 2);
    append(bytes_, &timeline_, 4);
    append(bytes_, &address, 8);
    append(bytes_, &remaining, 4);
    append(bytes_, &padding, 4);
    if (!first) return;
    append(bytes_, &system_id_, 8);
    append(bytes_, &segment_, 4);
    append(bytes_, &block_, 4);
  }
  std::uint64_t write(ByteView record) {
    if (bytes_.size() % block_ == 0) add_page(0);
    const std::uint64_t at = end();
    while (!record.empty()) {
      const std::size_t room = block_ - bytes_.size() % block_;
      const std::size_t count = std::min(room, record.size());
      append(bytes_, record.data(), count);
      record = record.subspan(count);
      if (!record.empty()) add_page(static_cast<std::uint32_t>(record.size()));
    }
    bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
    return at;
  }

  std::uint64_t system_id_;
  std::uint32_t timeline_;
  std::uint64_t start_;
  std::uint32_t segment_;
  std::uint32_t block_;
  Bytes bytes_;
};

}  // namespace drkit::testing
