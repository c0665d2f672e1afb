#include "options.hpp"

namespace drkit::capi {

Result<void> check_struct_size(std::uint32_t size, std::size_t alignment) {
  if (size < sizeof(std::uint32_t) || size % alignment != 0 || size > kMaxStructBytes) {
    return invalid("struct_size is wrong; use the struct's INIT").with("struct_size", std::to_string(size));
  }
  return {};
}

Result<void> check_unknown_tail(const unsigned char* tail, std::size_t size) {
  const bool all_zero = std::all_of(tail, tail + size, [](unsigned char byte) { return byte == 0; });
  if (all_zero) return {};
  return Error(ErrorCode::unsupported, "an option is set that this version of the library does not know")
      .with("unknown_bytes", std::to_string(size));
}

Result<std::vector<std::string>> text_list(const char* const* texts, std::size_t count, std::string_view name) {
  if (count != 0) DRKIT_TRY(require(texts, name));
  std::vector<std::string> list;
  list.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    DRKIT_TRY(require(texts[i], name));
    list.emplace_back(texts[i]);
  }
  return list;
}

Result<std::map<std::string, std::string>> text_map(const drk_pair* pairs, std::size_t count, std::string_view name) {
  if (count != 0) DRKIT_TRY(require(pairs, name));
  std::map<std::string, std::string> map;
  for (std::size_t i = 0; i < count; ++i) {
    DRKIT_TRY(require(pairs[i].key, name));
    DRKIT_TRY(require(pairs[i].value, name));
    if (!map.emplace(pairs[i].key, pairs[i].value).second) {
      return invalid("a key is given twice").with("key", pairs[i].key);
    }
  }
  return map;
}

}  // namespace drkit::capi
