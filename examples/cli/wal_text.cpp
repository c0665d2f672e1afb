#include <charconv>
#include <cstdio>

#include "verb_wal.hpp"

namespace cli {

using drkit::Error;
using drkit::ErrorCode;
using drkit::Result;

std::string lsn_text(std::uint64_t lsn) {
  char text[20];
  std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(lsn >> 32), static_cast<unsigned>(lsn & 0xFFFFFFFF));
  return text;
}

Result<std::uint64_t> parse_lsn(std::string_view text) {
  const auto part = [](std::string_view digits) -> std::optional<std::uint32_t> {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto high = part(text.substr(0, slash)), low = part(text.substr(slash + 1));
    if (high && low) return std::uint64_t{*high} << 32 | *low;
  }
  return Error(ErrorCode::invalid_argument, "a position in the log looks like 1/A0000028");
}

Result<std::optional<std::uint64_t>> parse_system_id(std::string_view text) {
  if (text.empty()) return std::optional<std::uint64_t>();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return std::optional(value);
  return Error(ErrorCode::invalid_argument, "the identifier of a cluster is a decimal number");
}

Result<std::optional<std::uint32_t>> parse_timeline(std::string_view text) {
  if (text.empty()) return std::optional<std::uint32_t>();
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = hex ? text.substr(2) : text;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error == std::errc() && end == digits.data() + digits.size() && value != 0) return std::optional(value);
  return Error(ErrorCode::invalid_argument, "a timeline is a number such as 10 or 0xA, more than 0");
}

bool is_absent_file(const Error& error) {
  if (error.code() != ErrorCode::not_found) return false;
  for (const auto& item : error.context()) {
    if (item.first == "file") return true;
  }
  return false;
}

}  // namespace cli
