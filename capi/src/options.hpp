// Structs that grow: copying what an older, equal or newer caller gave, and filling what such a caller asks for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "guard.hpp"

namespace drkit::capi {

/// Larger sizes are taken for memory that nobody initialised.
inline constexpr std::uint32_t kMaxStructBytes = 65536;

Result<void> check_struct_size(std::uint32_t size, std::size_t alignment);
/// unsupported unless all bytes are zero.
Result<void> check_unknown_tail(const unsigned char* tail, std::size_t size);

/// Reads struct_size first and nothing past it; members that the caller does not have keep their defaults.
template <class T>
Result<T> copy_options(const T* given, const T& defaults) {
  static_assert(std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>);
  T copy = defaults;
  if (given == nullptr) return copy;
  std::uint32_t size = 0;
  std::memcpy(&size, given, sizeof size);
  DRKIT_TRY(check_struct_size(size, alignof(T)));
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  if (size > sizeof(T)) DRKIT_TRY(check_unknown_tail(bytes + sizeof(T), size - sizeof(T)));
  std::memcpy(&copy, bytes, std::min<std::size_t>(size, sizeof(T)));
  copy.struct_size = sizeof(T);
  return copy;
}

/// Writes as much of `value` as the caller's struct holds; what a newer caller has beyond it becomes zero.
template <class T>
Result<void> fill_struct(T* out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>);
  DRKIT_TRY(require(out, "the out struct"));
  std::uint32_t size = 0;
  std::memcpy(&size, out, sizeof size);
  DRKIT_TRY(check_struct_size(size, alignof(T)));
  auto* bytes = reinterpret_cast<unsigned char*>(out);
  std::memcpy(bytes, &value, std::min<std::size_t>(size, sizeof(T)));
  if (size > sizeof(T)) std::memset(bytes + sizeof(T), 0, size - sizeof(T));
  std::memcpy(bytes, &size, sizeof size);
  return {};
}

Result<std::vector<std::string>> text_list(const char* const* texts, std::size_t count, std::string_view name);
Result<std::map<std::string, std::string>> text_map(const drk_pair* pairs, std::size_t count, std::string_view name);

}  // namespace drkit::capi
