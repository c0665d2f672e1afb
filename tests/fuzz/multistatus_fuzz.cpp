// Listings of WebDAV servers.
#include "fuzz/property.hpp"
#include "storage/webdav/multistatus.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto listed = storage::webdav::parse_multistatus(as_text(fuzz::view(data, size)), "/root");
  if (!listed) {
    fuzz::require(listed.error().code() == ErrorCode::corrupt);
    return 0;
  }
  for (const auto& resource : *listed) {
    fuzz::require(resource.path.empty() || resource.path.front() == '/');
    fuzz::require(!resource.path.ends_with('/') && resource.path.find("//") == std::string::npos);
  }
  return 0;
}
