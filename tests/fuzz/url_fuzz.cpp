// Addresses as users type them.
#include "base/url.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(fuzz::view(data, size));
  const auto address = base::parse_address(text);
  if (address) {
    fuzz::require(!address->scheme.empty());
    fuzz::require(base::parse_address(text)->path == address->path);
  } else {
    fuzz::require(address.error().code() == ErrorCode::invalid_argument);
    // An address may hold a secret: no error repeats it. Short ones may be words of the message by chance.
    if (size >= 100) fuzz::require(address.error().to_string().find(text) == std::string::npos);
  }
  const std::string shown = base::redact(text);
  fuzz::require(base::redact(shown) == shown);
  return 0;
}
