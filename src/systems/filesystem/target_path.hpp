// Paths of entries, checked before anything is done with them.
#pragma once

#include <string_view>

#include <drkit/result.hpp>

namespace drkit::systems::filesystem {

/// invalid_argument for an absolute path, an empty, "." or ".." part, a NUL byte or a part longer than 255 bytes.
Result<void> check_target_path(std::string_view path);

struct SplitPath {
  std::string_view directory;  ///< "" is the root
  std::string_view name;
};
inline SplitPath split_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace drkit::systems::filesystem
