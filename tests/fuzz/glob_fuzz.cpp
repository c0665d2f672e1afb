// A pattern, a zero byte, a path.
#include "base/glob.hpp"
#include "fuzz/property.hpp"

using namespace drkit;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(fuzz::view(data, size));
  const std::size_t zero = text.find('\0');
  if (zero == std::string_view::npos) return 0;
  const auto glob = base::Glob::parse(text.substr(0, zero));
  if (!glob) return 0;
  const std::string_view path = text.substr(zero + 1);
  for (const bool directory : {false, true}) {
    // What matches is covered, and so is everything below a directory that matches.
    if (glob->matches(path, directory)) fuzz::require(glob->covers(path, directory));
    if (directory && !path.empty() && path.back() != '/' && glob->matches(path, true)) {
      fuzz::require(glob->covers(std::string(path) + "/x", false));
    }
  }
  fuzz::require(!glob->matches("", true));
  return 0;
}
