// What a streaming backup needs beside the stream to be an incremental one.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>

#include <drkit/entry.hpp>
#include <drkit/spi/source.hpp>

#include "systems/postgres/connection.hpp"
#include "systems/postgres/manifest_writer.hpp"

namespace drkit::systems::postgres {

/// An earlier snapshot that the server may be asked for the changes since.
struct EarlierBackup {
  std::string manifest;  ///< its text
  std::string start_lsn;
};

/// Whether this server can tell changes at all. The answer is why not; "" when it can. Errors: the connection's.
Result<std::string> why_no_summaries(const Context& ctx, Connection& connection);

/// What tells one run of the server from another; replication alone does not tell it. "" when the role may not connect
/// to a database. Errors: cancelled.
Result<std::string> run_of_server(const Context& ctx, const ConnectionParameters& parameters,
                                  std::chrono::milliseconds timeout);

/// Null, with the reason in `why`, when the snapshot is of no use for that. Another run of the server may be one of a
/// directory that was restored or set back: it passes the earlier positions again, and its summaries do not know.
/// Errors: cancelled, the repository's.
Result<std::optional<EarlierBackup>> take_earlier(const EarlierSnapshot& earlier, const std::string& system_id,
                                                  const std::string& server_started, std::string& why);

/// Gives the server the earlier backup's manifest. Errors: the server's; the session goes on.
Result<void> upload_manifest(const Context& ctx, Connection& connection, const std::string& manifest);

/// Collects what was made of the server's files, and makes of its manifest that of the complete tree.
class CompleteManifest {
 public:
  /// A file of the tree; crc32c when it is not the one that the server tells.
  void add(const Entry& entry, std::optional<std::uint32_t> crc32c = std::nullopt);
  /// Errors: corrupt when the server's manifest is, or names a file that it did not send.
  Result<ManifestWriter> make(std::string_view server_manifest, int server_version, const std::string& system_id);

 private:
  struct Seen {
    std::uint64_t size_bytes = 0;
    std::int64_t mtime_ns = 0;
    std::optional<std::uint32_t> crc32c;
  };
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace drkit::systems::postgres
