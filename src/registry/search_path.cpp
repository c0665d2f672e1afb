#include "registry/search_path.hpp"

#include <cstdlib>

namespace drkit::registry {

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path == nullptr ? std::string() : std::string(path);
}

}  // namespace drkit::registry
