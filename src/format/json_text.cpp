#include "format/json_text.hpp"

#include <drkit/result.hpp>

#include "base/hex.hpp"

namespace drkit::format {
namespace {

unsigned at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// Length of the sequence that a first byte begins; 0 when none begins with it.
std::size_t sequence_length(unsigned first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

// Neither overlong, nor a surrogate, nor past the last code point: these are told by the second byte.
bool valid_second(unsigned first, unsigned second) {
  if (first == 0xe0) return second >= 0xa0;
  if (first == 0xed) return second < 0xa0;
  if (first == 0xf0) return second >= 0x90;
  if (first == 0xf4) return second < 0x90;
  return true;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(at(text, i));
    if (length == 0 || length > text.size() - i) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((at(text, i + k) & 0xc0) != 0x80) return false;
    }
    if (length > 1 && !valid_second(at(text, i), at(text, i + 1))) return false;
    i += length;
  }
  return true;
}

bool stands_for_itself(std::string_view text) { return is_utf8(text) && (text.empty() || text.front() != '\0'); }

}  // namespace

std::string text_to_json(std::string_view bytes) {
  if (stands_for_itself(bytes)) return std::string(bytes);
  return std::string(1, '\0') + base::to_hex(as_bytes(bytes));
}

std::optional<std::string> text_from_json(std::string_view text) {
  if (text.empty() || text.front() != '\0') return std::string(text);
  const auto bytes = base::from_hex(text.substr(1));
  if (!bytes || stands_for_itself(as_text(*bytes))) return std::nullopt;
  return std::string(as_text(*bytes));
}

}  // namespace drkit::format
