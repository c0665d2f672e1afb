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

/// 32 hexadecimal digits that nobody else has. Errors: io.
Result<std::string> random_name();

}  // namespace drkit::storage::webdav
