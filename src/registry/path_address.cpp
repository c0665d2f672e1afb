#include "registry/path_address.hpp"

#include "base/url.hpp"

namespace drkit::registry {

Result<std::string> directory_of(std::string_view text) {
  DRKIT_ASSIGN(base::Address address, base::parse_address(text));
  DRKIT_TRY(base::require_known_keys(address, {}));
  const bool other_host = !address.host.empty() && address.host != "localhost";
  if (other_host || !address.user.empty() || address.port != 0) {
    return Error(ErrorCode::invalid_argument, "a directory has no host: write file:///dir");
  }
  if (address.path.empty()) return Error(ErrorCode::invalid_argument, "the address names no directory");
  if (address.path.find('\0') != std::string::npos) {
    return Error(ErrorCode::invalid_argument, "the path contains a NUL byte");
  }
  return std::move(address.path);
}

}  // namespace drkit::registry
