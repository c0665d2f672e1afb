// Find: what is at a key, whatever words a server has for "nothing".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/webdav/server.hpp"

namespace drkit::storage::webdav {

/// Whether a server may have meant by this refusal that there is nothing: a folder asked for as a file, a file as a
/// folder, something that went while it was opened. Each server has an answer of its own for these.
bool may_hide_absence(const Error& error);

/// The file or folder of a key; nullopt: none, or a part of the key is another object's name.
/// Errors: the server's, but never not_found.
Result<std::optional<Resource>> find(const Context& ctx, Server& server, const std::string& root, std::string_view key);

}  // namespace drkit::storage::webdav
