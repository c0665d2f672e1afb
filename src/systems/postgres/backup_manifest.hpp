// The backup_manifest file that PostgreSQL writes, versions 1 and 2.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

struct ManifestFile {
  std::string path;  ///< relative to the data directory; may be any bytes
  std::uint64_t size_bytes = 0;
  std::string algorithm;  ///< "CRC32C", "SHA224", "SHA256", "SHA384", "SHA512"; "" when there is no checksum
  std::string checksum;   ///< lower-case hexadecimal; a CRC32C is written lowest byte first
  bool operator==(const ManifestFile&) const = default;
};

struct ManifestFacts {
  std::uint64_t version = 0;
  std::optional<std::uint64_t> system_id;  ///< from version 2 on
  std::vector<WalRange> wal_ranges;
  std::uint64_t files = 0;
};

/// Checks the manifest's own checksum, then gives every file to visit, whose error ends the reading. Memory does not
/// grow with the number of files.
/// Errors: corrupt (checksum, syntax, a path outside of the tree), version_unsupported (another version).
Result<ManifestFacts> read_backup_manifest(std::string_view text,
                                           const std::function<Result<void>(const ManifestFile&)>& visit);

/// The checksum of CRC-32C as manifests write it.
std::string manifest_crc32c(std::uint32_t value);

/// The CRC-32C that a manifest tells of a file; nothing when it tells another checksum or none.
std::optional<std::uint32_t> crc32c_of(const ManifestFile& file);

}  // namespace drkit::systems::postgres
