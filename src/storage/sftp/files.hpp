// files: what a storage does with the files of a server, each over one connection.
#pragma once

#include <optional>
#include <string>

#include <drkit/spi/storage.hpp>

#include "storage/sftp/client.hpp"

namespace drkit::storage::sftp {

/// No legal key has this part, so that no object can ever be taken for a temporary file.
inline constexpr std::string_view kTempDirectory = "tmp~";

/// A failed status as an error. `failure`, SFTP's word for everything else, is looked into: a full or read-only file
/// system. `bytes` is what was to be written.
Error status_error(const Context& ctx, Client& client, const std::string& root, Status status, std::string_view what,
                   std::size_t bytes = 0);

/// Type, size and time of what the path names, links not followed; nullopt when there is nothing.
Result<std::optional<Attributes>> look(const Context& ctx, Client& client, const std::string& root,
                                       const std::string& path);

/// Makes the directories of `parts` ("a/b/c") below `base`, where they are missing, with mode 0700, and syncs those
/// that hold new ones. Errors: precondition_failed (a file is in the way), not_found (no base).
Result<void> make_directories(const Context& ctx, Client& client, const std::string& base, std::string_view parts);

/// Opens a directory so that sync_directory can make its names durable. nullopt: there is none, or none is opened.
Result<std::optional<std::string>> open_directory(const Context& ctx, Client& client, const std::string& path);
/// Syncs and closes. A server that cannot is left alone: the file itself is durable.
Result<void> sync_directory(const Context& ctx, Client& client, const std::string& handle);

/// The part of a path before its last slash.
std::string parent_of(const std::string& path);

/// One object's bytes. Errors: not_found, invalid_argument (range), permission_denied, io.
Result<Bytes> read_object(const Context& ctx, Client& client, const std::string& root, std::string_view key,
                          ByteRange range);

struct PutResult {
  bool atomic = true;  ///< if_absent was decided by the server in one step
};
/// Writes aside, syncs, and gives the file its name. Errors: as Storage::put.
Result<PutResult> write_object(const Context& ctx, Client& client, const std::string& root, std::string_view key,
                               ByteView bytes, PutOptions options);
/// Removes files of tmp~ that are a day older than the newest there, whose writers are long gone.
void remove_stale_temp_files(const Context& ctx, Client& client, const std::string& root);

/// Visits every object below the prefix. Errors: not_found (the root is gone), permission_denied.
Result<void> list_objects(const Context& ctx, Client& client, const std::string& root, std::string_view prefix,
                          const ListVisitor& visit);

}  // namespace drkit::storage::sftp
