#include "storage/webdav/path.hpp"

#include <array>

#include <sys/random.h>

#include "base/hex.hpp"

namespace drkit::storage::webdav {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// What follows the host in "scheme://host/path".
std::string_view without_host(std::string_view href) {
  const std::size_t mark = href.find("://");
  if (mark == std::string_view::npos || href.find('/') < mark) return href;
  const std::size_t slash = href.find('/', mark + 3);
  return slash == std::string_view::npos ? "/" : href.substr(slash);
}

}  // namespace

std::string clean_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (out.empty() && c != '/') out = "/";
    if (c != '/' || !out.ends_with('/')) out += c;
  }
  if (out.ends_with('/')) out.pop_back();
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit_of(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Result<std::string> path_of_href(std::string_view href, std::string_view asked) {
  const std::string_view path = without_host(href);
  const auto decoded = percent_decode(path);
  if (path.empty() || !decoded) return Error(ErrorCode::corrupt, "the server's listing has a malformed path");
  return clean_path(path.starts_with('/') ? *decoded : std::string(asked) + "/" + *decoded);
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string names_of_key(std::string_view key) {
  std::string names;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '.' && (i == 0 || key[i - 1] == '/')) names += '~';
    names += key[i];
  }
  return names;
}

std::optional<std::string> key_of_names(std::string_view names) {
  std::string key;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool begins = i == 0 || names[i - 1] == '/';
    if (names[i] != '~') {
      if (begins && names[i] == '.') return std::nullopt;
      key += names[i];
    } else if (!begins || i + 1 == names.size() || names[i + 1] != '.') {
      return std::nullopt;
    }
  }
  return key;
}

Result<std::string> random_name() {
  std::array<std::byte, 16> bytes;
  // So few bytes never come in parts.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return Error(ErrorCode::io, "no random bytes from the operating system");
  }
  return base::to_hex(bytes);
}

}  // namespace drkit::storage::webdav
