// Paths on a WebDAV server: kept percent-decoded, without a slash at the end, "" for the root.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::storage::webdav {

/// Without double slashes and the one at the end; with one in front unless nothing is left.
std::string clean_path(std::string_view path);

/// nullopt: a % without two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

/// The path that a listing names: an address, an absolute path, or one relative to the folder that was asked for.
/// Errors: corrupt.
Result<std::string> path_of_href(std::string_view href, std::string_view asked);

/// "" for a path of one part.
std::string_view parent_of(std::string_view path);

/// The names of a key's files and folders, and back. A part that starts with a dot gets a '~' before it, a letter that
/// no key has: nginx lists no such names, Apache and Nextcloud refuse some of them.
std::string names_of_key(std::string_view key);
/// nullopt: a name that names_of_key never gives.
std::optional<std::string> key_of_names(std::string_view names);

/// 32 hexadecimal digits that nobody else has. Errors: io.
Result<std::string> random_name();

}  // namespace drkit::storage::webdav
