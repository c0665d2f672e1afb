#include "net/transfer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>

namespace drkit::net {
namespace {

constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;

template <class Value>
bool set(CURL* easy, CURLoption option, Value value) {
  return ::curl_easy_setopt(easy, option, value) == CURLE_OK;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n' || text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Those that only look may be sent again unseen.
bool only_looks(std::string_view method) {
  constexpr std::array<std::string_view, 4> kLooking = {"GET", "HEAD", "OPTIONS", "PROPFIND"};
  return std::find(kLooking.begin(), kLooking.end(), method) != kLooking.end();
}

// A server of TLS that was spoken to in the clear closes with an alert: kind 21, version 3.x, two bytes.
bool is_tls_alert(std::string_view bytes) {
  constexpr std::string_view kHead("\x15\x03", 2);
  constexpr std::string_view kLength("\x00\x02", 2);
  return bytes.size() >= 7 && bytes.starts_with(kHead) && bytes.substr(3, 2) == kLength;
}

std::string base64(std::string_view text) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((text.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= text.size() - i ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

}  // namespace

Transfer::Transfer(const HttpRequest& request) : request_(request), moved_at_(std::chrono::steady_clock::now()) {}

Transfer::~Transfer() { wipe(password_); }

bool Transfer::apply(CURL* easy) {
  return add_headers() && apply_method(easy) && apply_auth(easy) && set(easy, CURLOPT_URL, request_.url.c_str()) &&
         set(easy, CURLOPT_HTTPHEADER, headers_.get()) && set(easy, CURLOPT_ERRORBUFFER, error_text_) &&
         set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header) && set(easy, CURLOPT_HEADERDATA, this) &&
         set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body) && set(easy, CURLOPT_WRITEDATA, this) &&
         set(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_send) && set(easy, CURLOPT_PREREQDATA, this);
}

bool Transfer::add_headers() {
  bool has_type = false;
  for (const auto& [name, value] : request_.headers) {
    has_type = has_type || lower(name) == "content-type";
    // libcurl's way to say a header that is there and empty.
    headers_.add(value.empty() ? name + ";" : name + ": " + value);
  }
  // Waiting for leave to send the body costs a round trip, or a second where the server never gives it.
  headers_.add("Expect:");
  if (request_.has_body && !has_type) headers_.add("Content-Type:");
  return true;
}

bool Transfer::apply_method(CURL* easy) {
  const char* method = request_.method.c_str();
  if (request_.method == "HEAD") return set(easy, CURLOPT_NOBODY, 1L);
  if (!request_.has_body) return set(easy, CURLOPT_HTTPGET, 1L) && set(easy, CURLOPT_CUSTOMREQUEST, method);
  // A post from memory needs no callback, goes out in one piece with its head when it is small, and can be repeated.
  const char* body = request_.body.empty() ? "" : reinterpret_cast<const char*>(request_.body.data());
  return set(easy, CURLOPT_POST, 1L) && set(easy, CURLOPT_CUSTOMREQUEST, method) &&
         set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size())) &&
         set(easy, CURLOPT_POSTFIELDS, body);
}

bool Transfer::apply_auth(CURL* easy) {
  const HttpAuth& auth = request_.auth;
  const std::string_view secret = auth.secret == nullptr ? std::string_view() : as_text(auth.secret->view());
  switch (auth.kind) {
    case HttpAuth::Kind::none:
      return true;
    case HttpAuth::Kind::bearer:
    case HttpAuth::Kind::basic: {
      // Made here, since libcurl gives its copies of passwords back unwiped.
      std::string value(secret);
      if (auth.kind == HttpAuth::Kind::basic) {
        std::string pair = auth.user + ":";
        pair.reserve(pair.size() + secret.size());
        pair += secret;
        wipe(value);
        value = base64(pair);
        wipe(pair);
      }
      std::string line = auth.kind == HttpAuth::Kind::basic ? "Authorization: Basic " : "Authorization: Bearer ";
      line.reserve(line.size() + value.size());
      line += value;
      wipe(value);
      headers_.add(std::move(line));
      return true;
    }
    case HttpAuth::Kind::digest:
    case HttpAuth::Kind::basic_or_digest:
      break;
  }
  password_ = secret;
  const long kinds = auth.kind == HttpAuth::Kind::digest ? static_cast<long>(CURLAUTH_DIGEST)
                                                         : static_cast<long>(CURLAUTH_DIGEST | CURLAUTH_BASIC);
  return set(easy, CURLOPT_HTTPAUTH, kinds) && set(easy, CURLOPT_USERNAME, auth.user.c_str()) &&
         set(easy, CURLOPT_PASSWORD, password_.c_str());
}

// libcurl repeats a request by itself when a kept connection turns out dead. What the other side did with the first
// one is unknown then, and only the caller can settle it. The second sending of digest comes after an answer.
int Transfer::on_send(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.sent_ && !transfer.answered_ && !only_looks(transfer.request_.method)) {
    transfer.stop_ = Stop::sent_twice;
    return CURL_PREREQFUNC_ABORT;
  }
  transfer.sent_ = true;
  transfer.answered_ = false;
  return CURL_PREREQFUNC_OK;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    return transfer.take_header({data, size * count});
  } catch (const std::bad_alloc&) {
    return transfer.refuse(Stop::no_memory);
  }
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    return transfer.take_body({data, size * count});
  } catch (const std::bad_alloc&) {
    return transfer.refuse(Stop::no_memory);
  }
}

// Any other number than that of the bytes given ends the transfer.
std::size_t Transfer::refuse(Stop why) {
  stop_ = why;
  return 0;
}

std::size_t Transfer::take_header(std::string_view line) {
  received_ += line.size();
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) return refuse(Stop::too_long);
  answered_ = true;
  if (line.starts_with("HTTP/")) {
    response_.headers.clear();
    head_complete_ = false;
    return line.size();
  }
  head_complete_ = head_complete_ || trim(line).empty();
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  auto& [name, value] =
      response_.headers.emplace_back(lower(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1))));
  if (name != "content-length" || request_.method == "HEAD") return line.size();
  std::uint64_t length = 0;
  std::from_chars(value.data(), value.data() + value.size(), length);
  if (length > request_.max_response_bytes) return refuse(Stop::too_long);
  response_.body.reserve(length);
  return line.size();
}

std::size_t Transfer::take_body(std::string_view bytes) {
  received_ += bytes.size();
  // Without a status line, which libcurl takes for HTTP/0.9.
  if (!answered_) return refuse(is_tls_alert(bytes) ? Stop::wants_tls : Stop::not_http);
  if (bytes.size() > request_.max_response_bytes - response_.body.size()) return refuse(Stop::too_long);
  const ByteView view = as_bytes(bytes);
  response_.body.insert(response_.body.end(), view.begin(), view.end());
  return bytes.size();
}

bool Transfer::still_moving(const Context& ctx, std::int64_t sent, std::chrono::milliseconds stall_timeout) {
  if (ctx.cancel.cancelled()) {
    stop_ = Stop::cancelled;
    return false;
  }
  const auto now = std::chrono::steady_clock::now();
  if (const std::int64_t moved = sent + static_cast<std::int64_t>(received_); moved != moved_) {
    moved_ = moved;
    moved_at_ = now;
  }
  if (now - moved_at_ <= stall_timeout) return true;
  stop_ = Stop::stalled;
  return false;
}

}  // namespace drkit::net
