#include "storage/sftp/packet.hpp"

namespace drkit::storage::sftp {
namespace {

constexpr std::uint32_t kHasSize = 1;
constexpr std::uint32_t kHasOwner = 2;
constexpr std::uint32_t kHasTimes = 8;
constexpr std::uint32_t kHasExtended = 0x80000000U;

void put_u32(std::string& to, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) to[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (24 - 8 * i));
}

Error malformed() { return Error(ErrorCode::corrupt, "the server's answer is no well-formed sftp packet"); }

}  // namespace

Packet::Packet(Op op) : bytes_(kHeaderBytes, '\0') { bytes_[4] = static_cast<char>(op); }

Packet& Packet::u32(std::uint32_t value) {
  const std::size_t at = bytes_.size();
  bytes_.resize(at + 4);
  put_u32(bytes_, at, value);
  return *this;
}

Packet& Packet::u64(std::uint64_t value) {
  return u32(static_cast<std::uint32_t>(value >> 32)).u32(static_cast<std::uint32_t>(value));
}

Packet& Packet::text(std::string_view value) {
  u32(static_cast<std::uint32_t>(value.size()));
  bytes_.append(value);
  return *this;
}

std::string Packet::finish(std::uint32_t id, std::size_t more_bytes) && {
  put_u32(bytes_, 0, static_cast<std::uint32_t>(bytes_.size() + more_bytes - 4));
  put_u32(bytes_, 5, id);
  return std::move(bytes_);
}

Result<std::uint32_t> Reader::u32() {
  if (left_.size() < 4) return malformed();
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8) | static_cast<unsigned char>(left_[static_cast<std::size_t>(i)]);
  left_.remove_prefix(4);
  return value;
}

Result<std::uint64_t> Reader::u64() {
  DRKIT_ASSIGN(const std::uint64_t high, u32());
  DRKIT_ASSIGN(const std::uint64_t low, u32());
  return (high << 32) | low;
}

Result<std::string_view> Reader::text() {
  DRKIT_ASSIGN(const std::uint32_t size, u32());
  if (left_.size() < size) return malformed();
  const std::string_view value = left_.substr(0, size);
  left_.remove_prefix(size);
  return value;
}

Result<void> Reader::skip_extended() {
  DRKIT_ASSIGN(const std::uint32_t count, u32());
  for (std::uint32_t i = 0; i < count; ++i) {
    DRKIT_TRY(text());
    DRKIT_TRY(text());
  }
  return {};
}

Result<Attributes> Reader::attributes() {
  Attributes found;
  DRKIT_ASSIGN(const std::uint32_t flags, u32());
  if ((flags & kHasSize) != 0) {
    DRKIT_ASSIGN(found.size_bytes, u64());
  }
  if ((flags & kHasOwner) != 0) DRKIT_TRY(u64());
  if ((flags & kHasPermissions) != 0) {
    DRKIT_ASSIGN(found.mode, u32());
  }
  if ((flags & kHasTimes) != 0) {
    DRKIT_TRY(u32());
    DRKIT_ASSIGN(found.modified_seconds, u32());
  }
  if ((flags & kHasExtended) != 0) DRKIT_TRY(skip_extended());
  return found;
}

Result<Status> status_of(const Reply& reply) {
  if (reply.op != Op::status) return malformed();
  DRKIT_ASSIGN(const std::uint32_t code, Reader(reply.body).u32());
  return static_cast<Status>(code);
}

}  // namespace drkit::storage::sftp
