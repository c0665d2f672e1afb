// Documents with credentials, as metadata services and programs give them.
#include "fuzz/property.hpp"
#include "storage/s3/aws.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = as_text(fuzz::view(data + 1, size - 1));
  const auto credentials = storage::s3::credentials_of_json(text, data[0] % 2 == 0 ? "Token" : "SessionToken");
  if (credentials) {
    fuzz::require(!credentials->access_key_id.empty() && !credentials->secret_access_key.empty());
    return 0;
  }
  // No part of the document is shown: it may be the secret.
  if (text.size() > 40) fuzz::require(credentials.error().to_string().find(text) == std::string::npos);
  return 0;
}
