// Lister: walks the folders below a prefix, one PROPFIND a folder.
#pragma once

#include <string>
#include <string_view>

#include "storage/webdav/server.hpp"

namespace drkit::storage::webdav {

/// Visits every object below `root` whose key starts with the prefix.
Result<void> list_objects(const Context& ctx, Server& server, const std::string& root, std::string_view prefix,
                          const ListVisitor& visit);

}  // namespace drkit::storage::webdav
