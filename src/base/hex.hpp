// Lower-case hexadecimal.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::base {

std::string to_hex(ByteView bytes);
/// Nothing when the text is not lower-case hexadecimal of even length.
std::optional<Bytes> from_hex(std::string_view text);

/// Exactly N bytes.
template <std::size_t N>
std::optional<std::array<std::byte, N>> array_from_hex(std::string_view text) {
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != N) return std::nullopt;
  std::array<std::byte, N> value;
  std::copy(bytes->begin(), bytes->end(), value.begin());
  return value;
}

}  // namespace drkit::base
