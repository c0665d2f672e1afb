#include "systems/filesystem/posix.hpp"

#include <unistd.h>

namespace drkit::systems::filesystem {

std::string printable(std::string_view path) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && byte != '\\') {
      text += c;
    } else {
      text += "\\x";
      text += kHex[byte >> 4];
      text += kHex[byte & 15];
    }
  }
  return text;
}

Error errno_error(int number, std::string_view action, std::string_view path) {
  return base::errno_error(number, "cannot " + std::string(action), printable(path));
}

Result<void> require_proc() {
  if (::access("/proc/self/fd", X_OK) == 0) return {};
  return Error(ErrorCode::unsupported, "file attributes need /proc to be mounted");
}

std::string proc_prefix(int directory_fd) { return "/proc/self/fd/" + std::to_string(directory_fd) + '/'; }

}  // namespace drkit::systems::filesystem
