#include "systems/filesystem/target_path.hpp"

#include <algorithm>

#include "systems/filesystem/posix.hpp"
#include "systems/filesystem/restore_journal.hpp"

namespace drkit::systems::filesystem {
namespace {

Error refused(std::string_view why, std::string_view path) {
  return Error(ErrorCode::invalid_argument, "refused path: " + std::string(why)).with("path", printable(path));
}

}  // namespace

Result<void> check_target_path(std::string_view path) {
  if (path.empty()) return refused("it is empty", path);
  if (path.front() == '/') return refused("it is absolute", path);
  if (path.find('\0') != std::string_view::npos) return refused("it holds a nul byte", path);
  if (path == kIncompleteMarker) return refused("the name is reserved for the restore itself", path);
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty() || part == ".") return refused("it has an empty part", path);
    if (part == "..") return refused("it leads outside", path);
    if (part.size() > 255) return refused("a part is longer than 255 bytes", path);
    start = end + 1;
  }
  return {};
}

}  // namespace drkit::systems::filesystem
