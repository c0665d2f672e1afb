// Entry: one file, directory or stream as a source names it, a snapshot keeps it and a target makes it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <drkit/result.hpp>

namespace drkit {

/// Values are stored in the repository: pinned for ever.
enum class EntryType : std::uint8_t {
  regular = 1,
  directory = 2,
  symlink = 3,
  hardlink = 4,  ///< another name of an earlier regular file, named by link_target
  fifo = 5,
  socket = 6,
  char_device = 7,
  block_device = 8,
  stream = 9,  ///< a byte stream without file attributes: a dump, the output of a command
};

struct ExtendedAttribute {
  std::string name;  ///< with its namespace; POSIX ACLs are "system.posix_acl_access" and "..._default"
  std::string value;
  bool operator==(const ExtendedAttribute&) const = default;
};

/// What changes when a file changes: equal fingerprints, size and mtime let a backup skip reading the file.
struct Fingerprint {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t ctime_ns = 0;
  bool operator==(const Fingerprint&) const = default;
};

using Sha256Digest = std::array<std::byte, 32>;

/// Why an entry is incomplete or missing.
struct Problem {
  std::string path;
  ErrorCode code = ErrorCode::io;
  std::string message;
  bool operator==(const Problem&) const = default;
};

struct Entry {
  std::string
      path;  ///< relative, parts joined by '/', any bytes but NUL; "" is the tree's root; never "." or ".." parts
  EntryType type = EntryType::regular;
  std::uint32_t mode = 0;  ///< permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string user;           ///< name at the source; may be empty
  std::string group;          ///< name at the source; may be empty
  std::int64_t mtime_ns = 0;  ///< nanoseconds since the Unix epoch
  std::uint64_t size_bytes = 0;
  std::string link_target;          ///< symlink: its text; hardlink: path of the first name
  std::uint64_t device_number = 0;  ///< of char_device and block_device
  std::vector<ExtendedAttribute> xattrs;
  Fingerprint fingerprint;         ///< all zero: always read
  std::optional<Problem> problem;  ///< set when the entry is incomplete
  Sha256Digest sha256{};           ///< of the plaintext; only in snapshots of regular and stream; zeros: not known
  bool operator==(const Entry&) const = default;
};

}  // namespace drkit
