// Relative paths as the rest of the library wants them.
#pragma once

#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

/// Drops "./" at the front and "/" at the end; "" is the root.
/// Errors: corrupt when the path is absolute or has empty, "." or ".." parts or a NUL.
Result<std::string> clean_relative_path(std::string_view path);

}  // namespace drkit::systems::postgres
