// Writes a backup_manifest as PostgreSQL's own tools read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "systems/postgres/sha256.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

struct ManifestLine {
  std::string path;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::optional<std::uint32_t> crc32c;  ///< null: not known, and nobody checks it
};

/// Gives the text piece by piece, so that no cluster is too large. Servers before 17 read version 1, later ones version
/// 2, which names the system.
class ManifestWriter {
 public:
  ManifestWriter(int server_version, std::string system_id, std::vector<ManifestLine> files,
                 std::vector<WalRange> ranges)
      : version_(server_version >= 170000 ? 2 : 1),
        system_id_(std::move(system_id)),
        files_(std::move(files)),
        ranges_(std::move(ranges)) {}
  ManifestWriter(int server_version, std::string system_id, std::vector<ManifestLine> files, WalRange range)
      : ManifestWriter(server_version, std::move(system_id), std::move(files), std::vector<WalRange>{range}) {}
  /// The next piece; empty at the end.
  std::string next();
  /// The SHA-256 in its last line; "" before the end.
  const std::string& checksum() const { return checksum_; }

 private:
  std::string begin() const;
  std::string end();

  int version_;
  std::string system_id_;
  std::vector<ManifestLine> files_;
  std::vector<WalRange> ranges_;
  std::size_t next_ = 0;
  enum class Stage : std::uint8_t { begin, files, ended } stage_ = Stage::begin;
  Sha256 hash_;
  std::string checksum_;
};

}  // namespace drkit::systems::postgres
