#include "base/url.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace drkit::base {
namespace {

constexpr std::array<std::string_view, 6> kSecretWords = {"password", "passwd",     "secret",
                                                          "token",    "passphrase", "credential"};

Error bad_address(const char* why) { return Error(ErrorCode::invalid_argument, std::string("bad address: ") + why); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower_text(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_alpha(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_scheme_byte(char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; }

bool names_secret(std::string_view key) {
  const std::string name = lower_text(key);
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  return lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

Result<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return bad_address("% without two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) return bad_address("control character");
    out += c;
  }
  return out;
}

Result<void> parse_port(std::string_view text, Address& address) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), address.port);
  if (error != std::errc() || end != text.data() + text.size() || address.port == 0) return bad_address("bad port");
  return {};
}

Result<void> parse_host(std::string_view text, Address& address) {
  std::size_t end = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return bad_address("[ without ]");
    address.host = text.substr(1, bracket - 1);
    end = bracket + 1;
    if (end < text.size() && text[end] != ':') return bad_address("text after ]");
  } else {
    DRKIT_ASSIGN(address.host, decode(text.substr(0, end)));
  }
  if (end >= text.size()) return {};
  return parse_port(text.substr(end + 1), address);
}

Result<void> parse_authority(std::string_view text, Address& address) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return parse_host(text, address);
  const std::string_view user = text.substr(0, at);
  if (user.find(':') != std::string_view::npos) return bad_address("passwords do not belong into addresses");
  DRKIT_ASSIGN(address.user, decode(user));
  return parse_host(text.substr(at + 1), address);
}

Result<void> parse_pair(std::string_view pair, Address& address) {
  const std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos || equals == 0) return bad_address("query part is not key=value");
  DRKIT_ASSIGN(std::string key, decode(pair.substr(0, equals)));
  if (names_secret(key)) return bad_address("passwords do not belong into addresses");
  DRKIT_ASSIGN(std::string value, decode(pair.substr(equals + 1)));
  if (!address.query.emplace(std::move(key), std::move(value)).second) return bad_address("query key given twice");
  return {};
}

Result<void> parse_query(std::string_view text, Address& address) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    DRKIT_TRY(parse_pair(text.substr(0, end), address));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

Result<void> parse_hierarchical(std::string_view text, Address& address) {
  if (text.find('#') != std::string_view::npos) return bad_address("a # must be written as %23");
  const std::size_t question = std::min(text.find('?'), text.size());
  const std::string_view place = text.substr(0, question);
  const std::size_t slash = std::min(place.find('/'), place.size());
  DRKIT_TRY(parse_authority(place.substr(0, slash), address));
  DRKIT_ASSIGN(address.path, decode(place.substr(slash)));
  return parse_query(text.substr(std::min(question + 1, text.size())), address);
}

Result<Address> parse_file(std::string_view rest) {
  Address address;
  address.scheme = "file";
  if (!rest.starts_with("//")) rest = rest.starts_with('/') ? rest : std::string_view();
  DRKIT_TRY(parse_hierarchical(rest.starts_with("//") ? rest.substr(2) : rest, address));
  if (address.host == "localhost") address.host.clear();
  if (!address.host.empty() || !address.user.empty() || address.port != 0 || address.path.empty()) {
    return bad_address("a file address is file:///absolute/path");
  }
  return address;
}

// Masks what stands between the first ':' and the last '@' behind "//": more than a password rather than less.
void mask_userinfo(std::string& text) {
  const std::size_t start = text.find("//");
  if (start == std::string::npos) return;
  const std::size_t at = text.find_last_of('@');
  const std::size_t colon = text.find(':', start);
  if (at != std::string::npos && colon < at) text.replace(colon + 1, at - colon - 1, "***");
}

std::size_t value_end(const std::string& text, std::size_t start) {
  if (start < text.size() && text[start] == '\'') {
    for (std::size_t i = start + 1; i < text.size(); ++i) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '\'')
        // In a query the quote is part of the value, which then goes on.
        return std::min(text.find_first_of("& \t\n", i + 1), text.size());
    }
    return text.size();
  }
  return std::min(text.find_first_of("& \t\n", start), text.size());
}

// Masks the values of key=value pairs whose key names a secret, in queries and connection strings alike.
void mask_pairs(std::string& text) {
  for (std::size_t equals = text.find('='); equals != std::string::npos; equals = text.find('=', equals + 1)) {
    std::size_t key_end = equals;
    while (key_end > 0 && text[key_end - 1] == ' ') --key_end;
    const std::size_t before = key_end == 0 ? std::string::npos : text.find_last_of("?&: \t\n'", key_end - 1);
    const std::size_t key_start = before == std::string::npos ? 0 : before + 1;
    if (!names_secret(std::string_view(text).substr(key_start, key_end - key_start))) continue;
    const std::size_t start = std::min(text.find_first_not_of(' ', equals + 1), text.size());
    text.replace(start, value_end(text, start) - start, "***");
  }
}

}  // namespace

std::string scheme_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_alpha(text[0])) return {};
  const std::string_view scheme = text.substr(0, colon);
  return std::all_of(scheme.begin(), scheme.end(), is_scheme_byte) ? lower_text(scheme) : std::string();
}

Result<Address> parse_address(std::string_view text) {
  if (text.empty()) return bad_address("empty");
  if (text.find('\0') != std::string_view::npos) return bad_address("control character");
  Address address;
  address.scheme = scheme_of(text);
  if (address.scheme.empty()) {
    if (text.find(':') < text.find('/')) return bad_address("malformed scheme; a path with a colon starts with ./");
    address.scheme = "file";
    address.path = text;
    return address;
  }
  const std::string_view rest = text.substr(address.scheme.size() + 1);
  if (address.scheme == "file") return parse_file(rest);
  if (!rest.starts_with("//")) {
    address.path = rest;
    return address;
  }
  DRKIT_TRY(parse_hierarchical(rest.substr(2), address));
  return address;
}

Result<void> require_known_keys(const Address& address, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : address.query) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Error(ErrorCode::invalid_argument, "unknown option in the address")
          .with("option", key)
          .with("scheme", address.scheme);
    }
  }
  return {};
}

std::string redact(std::string_view text) {
  std::string out(text);
  mask_userinfo(out);
  mask_pairs(out);
  return out;
}

}  // namespace drkit::base
