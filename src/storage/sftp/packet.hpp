// packet: the messages of SFTP version 3 (draft-ietf-secsh-filexfer-02) as bytes, and OpenSSH's extensions by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::storage::sftp {

enum class Op : std::uint8_t {
  init = 1,
  version = 2,
  open = 3,
  close = 4,
  read = 5,
  write = 6,
  lstat = 7,
  fstat = 8,
  opendir = 11,
  readdir = 12,
  remove = 13,
  mkdir = 14,
  stat = 17,
  rename = 18,
  status = 101,
  handle = 102,
  data = 103,
  name = 104,
  attributes = 105,
  extended = 200,
  extended_reply = 201,
};

enum class Status : std::uint32_t {
  ok = 0,
  end = 1,
  no_such_file = 2,
  permission_denied = 3,
  failure = 4,
  bad_message = 5,
  no_connection = 6,
  connection_lost = 7,
  unsupported = 8,
};

inline constexpr std::uint32_t kOpenRead = 1;
inline constexpr std::uint32_t kOpenWrite = 2;
inline constexpr std::uint32_t kOpenCreate = 8;
inline constexpr std::uint32_t kOpenExclusive = 32;
inline constexpr std::uint32_t kHasPermissions = 4;

inline constexpr std::size_t kHeaderBytes = 9;                          ///< length, operation, request number
inline constexpr std::size_t kMaxPacketBytes = (std::size_t{1} << 20);  ///< larger answers are refused

struct Attributes {
  std::uint64_t size_bytes = 0;
  std::uint32_t mode = 0;  ///< type and permissions as in POSIX; 0: the server did not say
  std::int64_t modified_seconds = 0;
  bool is_file() const { return (mode & 0170000U) == 0100000U || mode == 0; }
  bool is_directory() const { return (mode & 0170000U) == 0040000U; }
  bool is_link() const { return (mode & 0170000U) == 0120000U; }
};

/// A request being written. The length and the request number are filled in by finish().
class Packet {
 public:
  explicit Packet(Op op);
  Packet& u32(std::uint32_t value);
  Packet& u64(std::uint64_t value);
  Packet& text(std::string_view value);
  /// `more_bytes` follow the packet's own bytes on the wire.
  std::string finish(std::uint32_t id, std::size_t more_bytes = 0) &&;

 private:
  std::string bytes_;
};

/// An answer: its operation and what follows the request number.
struct Reply {
  Op op = Op::status;
  std::string body;
};

/// Reads an answer's fields in order. Every error is corrupt: the other side does not speak SFTP.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  Result<std::uint32_t> u32();
  Result<std::uint64_t> u64();
  Result<std::string_view> text();  ///< borrowed from the reply
  Result<Attributes> attributes();
  bool at_end() const { return left_.empty(); }

 private:
  Result<void> skip_extended();
  std::string_view left_;
};

/// The status code of a status reply; corrupt for any other.
Result<Status> status_of(const Reply& reply);

}  // namespace drkit::storage::sftp
