#include "systems/postgres/paths.hpp"

namespace drkit::systems::postgres {

Result<std::string> clean_relative_path(std::string_view path) {
  const Error bad = Error(ErrorCode::corrupt, "a path leads outside the tree or is malformed")
                        .with("path", std::string(path.substr(0, path.find('\0'))));
  if (path.find('\0') != std::string_view::npos || (!path.empty() && path.front() == '/')) return bad;
  if (path == ".") return std::string();
  if (path.starts_with("./")) path.remove_prefix(2);
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return std::string();
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") return bad;
    start = end + 1;
  }
  return std::string(path);
}

}  // namespace drkit::systems::postgres
