// Download: a range of an object, held against what the server says that it sent.
#pragma once

#include <string>

#include <drkit/spi/storage.hpp>

#include "storage/webdav/server.hpp"

namespace drkit::storage::webdav {

/// Errors: not_found, invalid_argument (the range starts past the end), corrupt (other bytes than were asked for).
Result<Bytes> download(const Context& ctx, Server& server, const std::string& path, std::string_view key,
                       ByteRange range);

}  // namespace drkit::storage::webdav
