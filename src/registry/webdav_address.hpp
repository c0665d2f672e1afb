// What an address of a WebDAV storage says.
#pragma once

#include <string_view>

#include <drkit/registry.hpp>

namespace drkit::registry {

/// `webdav+https`, `webdav+http`, `nextcloud+https`, `nextcloud+http`.
bool is_webdav(std::string_view scheme);

/// Opens `webdav+https://user@host/folder?auth=digest&stall_seconds=30`.
Result<StoragePtr> open_webdav(const Context& ctx, std::string_view address, const StorageOptions& options);

}  // namespace drkit::registry
