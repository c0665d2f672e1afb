// digest_key: keys whose last part says what the object's bytes hash to.
#pragma once

#include <algorithm>
#include <string_view>

namespace drkit::storage {

/// The last part of a key when it is 64 hexadecimal digits, as those of packs are; else "".
inline std::string_view digest_in(std::string_view key) {
  const std::string_view last = key.substr(key.rfind('/') + 1);
  const bool digits =
      std::all_of(last.begin(), last.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return last.size() == 64 && digits ? last : std::string_view();
}

}  // namespace drkit::storage
