#include "net/http_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <curl/curl.h>

namespace drkit::net {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_token_byte(char c) { return is_alphanumeric(c) || (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr); }

bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte); }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Above 0x7e an address is not percent-encoded, and libcurl would send what it makes of it.
bool is_address_byte(char c) { return c > 0x20 && c < 0x7f; }

Error refused(std::string message) { return Error(ErrorCode::invalid_argument, std::move(message)); }

std::string_view after_scheme(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.starts_with(scheme)) return url.substr(scheme.size());
  }
  return {};
}

std::string_view authority_of(std::string_view url) {
  const std::string_view rest = after_scheme(url);
  return rest.substr(0, rest.find_first_of("/?#"));
}

Result<void> validate_address(std::string_view url) {
  const std::string_view authority = authority_of(url);
  if (authority.empty()) return refused("the address is not http://host or https://host");
  if (authority.find('@') != std::string_view::npos) return refused("credentials do not belong into addresses");
  if (!std::all_of(url.begin(), url.end(), is_address_byte)) return refused("the address is not percent-encoded");
  // libcurl would cut it off without a word.
  if (url.find('#') != std::string_view::npos) return refused("a # in an address must be written as %23");
  return {};
}

}  // namespace

std::string host_of(std::string_view url) {
  const std::string_view authority = authority_of(url);
  const std::size_t at = authority.rfind('@');
  const std::string_view host = at == std::string_view::npos ? authority : authority.substr(at + 1);
  return std::all_of(host.begin(), host.end(), is_address_byte) ? std::string(host) : std::string();
}

Result<void> validate_request(const HttpRequest& request) {
  if (!is_token(request.method)) return refused("malformed HTTP method");
  DRKIT_TRY(validate_address(request.url));
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return refused("malformed name of an HTTP header");
    if (std::any_of(value.begin(), value.end(), is_control)) {
      return refused("control character in an HTTP header").with("header", name);
    }
  }
  return {};
}

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& each) { return each.first == name; });
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

std::string percent_encode(std::string_view text, bool keep_slashes) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_alphanumeric(c) || std::strchr("-._~", c) != nullptr ? c != '\0' : keep_slashes && c == '/') {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::optional<std::int64_t> http_date_ns(std::string_view text) {
  const std::int64_t seconds = ::curl_getdate(std::string(text).c_str(), nullptr);
  if (seconds < 0) return std::nullopt;
  return seconds * kSecondNs;
}

std::optional<std::chrono::nanoseconds> retry_after(const HttpResponse& response, std::int64_t now_ns) {
  const auto text = response.header("retry-after");
  if (!text || text->empty()) return std::nullopt;
  // Nobody means more than a day; a larger number would not fit the arithmetic.
  constexpr std::int64_t kMaxSeconds = 86'400;
  std::uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error == std::errc() && end == text->data() + text->size()) {
    return std::chrono::seconds(std::min<std::uint64_t>(seconds, kMaxSeconds));
  }
  const auto date = http_date_ns(*text);
  if (!date) return std::nullopt;
  return std::chrono::seconds(std::clamp<std::int64_t>((*date - now_ns) / kSecondNs, 0, kMaxSeconds));
}

}  // namespace drkit::net
