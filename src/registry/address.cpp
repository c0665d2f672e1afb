#include "registry/address.hpp"

#include <algorithm>

namespace drkit::registry {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> undo_percent(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const int high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[at + 2]) : -1;
    if (low < 0 || high * 16 + low == 0) {
      return Error(ErrorCode::invalid_argument, "malformed percent-encoding in the address");
    }
    out += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return out;
}

// Takes what follows "file:": "///dir", "//localhost/dir" or "/dir".
Result<Address> parse_file(std::string_view rest) {
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    if (rest.starts_with("localhost/")) rest.remove_prefix(std::string_view("localhost").size());
  }
  if (!rest.starts_with('/')) {
    return Error(ErrorCode::invalid_argument, "a file address needs an absolute path: file:///dir");
  }
  DRKIT_ASSIGN(std::string path, undo_percent(rest));
  return Address{Scheme::path, std::move(path)};
}

// RFC 3986 letters; a scheme of one letter or with a '/' before the colon is a path. Dots are left out of the alphabet,
// so that "./a:b" and "a.b:c" stay paths.
std::string_view scheme_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon < 2) return {};
  const std::string_view name = text.substr(0, colon);
  const bool all_letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-';
  });
  return all_letters && name[0] >= 'a' && name[0] <= 'z' ? name : std::string_view{};
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  if (text.empty()) return Error(ErrorCode::invalid_argument, "the address is empty");
  if (text.find('\0') != std::string_view::npos) {
    return Error(ErrorCode::invalid_argument, "the address contains a NUL byte");
  }
  if (text == "-") return Address{Scheme::standard_output, ""};
  const std::string_view scheme = scheme_of(text);
  if (scheme.empty()) return Address{Scheme::path, std::string(text)};
  const std::string_view rest = text.substr(scheme.size() + 1);
  if (scheme == "file") return parse_file(rest);
  if (scheme == "mem") {
    if (!rest.empty()) return Error(ErrorCode::invalid_argument, "nothing may follow mem:");
    return Address{Scheme::memory, ""};
  }
  if (scheme == "exec") {
    if (rest.empty()) return Error(ErrorCode::invalid_argument, "a command must follow exec:");
    return Address{Scheme::process, std::string(rest)};
  }
  if (scheme == "postgres" || scheme == "postgresql") {
    // libpq takes its own URI whole.
    return Address{Scheme::postgres, std::string(rest.starts_with("//") ? text : rest)};
  }
  return Error(ErrorCode::unsupported, "this build knows no such scheme").with("scheme", std::string(scheme));
}

}  // namespace drkit::registry
