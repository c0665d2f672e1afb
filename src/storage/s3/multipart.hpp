// Large objects in parts, several at a time.
#pragma once

#include <string>

#include "storage/s3/client.hpp"

namespace drkit::storage::s3 {

/// Puts the object in parts. Parts of a failed upload are removed; when that fails too they stay until
/// S3Storage::abort_uploads or the bucket's own rule removes them, and no reader ever sees them.
/// Errors: of the requests; unavailable when what the server confirms is not what was sent.
Result<void> put_in_parts(const Context& ctx, Client& client, const S3Options& options, const std::string& object,
                          ByteView bytes);

Result<void> abort_upload(const Context& ctx, Client& client, const std::string& object, const std::string& upload_id);

}  // namespace drkit::storage::s3
