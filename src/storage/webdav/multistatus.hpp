// The answer to PROPFIND: an XML document of things and their properties.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

namespace drkit::storage::webdav {

struct Resource {
  std::string path;                         ///< decoded, without a slash at the end
  bool collection = false;                  ///< a folder
  std::optional<std::uint64_t> size_bytes;  ///< nullopt: not said
  std::int64_t modified_ns = 0;             ///< 0: not said, or unreadable
  int status = 200;                         ///< of the thing itself, where the server could not look at it
};

/// Reads a whole multistatus; `asked` is the path that relative names start from. A document that declares entities or
/// any other document type is refused.
/// Errors: corrupt.
Result<std::vector<Resource>> parse_multistatus(std::string_view xml, std::string_view asked);

}  // namespace drkit::storage::webdav
