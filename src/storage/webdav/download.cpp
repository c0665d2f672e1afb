#include "storage/webdav/download.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "storage/key.hpp"

namespace drkit::storage::webdav {
namespace {

constexpr std::size_t kMaxObjectBytes = std::size_t{1} << 31;
constexpr std::uint64_t kToTheEnd = ByteRange().length;

struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total;
};

bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// "bytes 0-99/1234" or "bytes 0-99/*".
std::optional<ContentRange> content_range(const net::HttpResponse& response) {
  std::string_view text = response.header("content-range").value_or("");
  ContentRange range;
  if (!take(text, "bytes ") || !take_number(text, range.first) || !take(text, "-")) return std::nullopt;
  if (!take_number(text, range.last) || !take(text, "/")) return std::nullopt;
  if (text == "*") return range;
  std::uint64_t total = 0;
  if (!take_number(text, total) || !text.empty()) return std::nullopt;
  range.total = total;
  return range;
}

std::string range_header(ByteRange range) {
  const std::string first = "bytes=" + std::to_string(range.offset) + "-";
  if (range.length >= kToTheEnd - range.offset) return first;
  return first + std::to_string(range.offset + range.length - 1);
}

Error other_bytes(std::string_view key) {
  return key_error(ErrorCode::corrupt, "the server sent another range than was asked for", key);
}

Result<Bytes> checked_part(net::HttpResponse response, std::string_view key, ByteRange range) {
  const auto sent = content_range(response);
  if (!sent || sent->first != range.offset || sent->last < sent->first) return other_bytes(key);
  const std::uint64_t length = sent->last - sent->first + 1;
  if (length != response.body.size() || length > range.length) return other_bytes(key);
  // Less than was asked for is right at the object's end alone.
  const bool at_end = !sent->total || *sent->total == sent->last + 1;
  if (length < range.length && !at_end) return other_bytes(key);
  if (length < range.length && range.length != kToTheEnd && !sent->total) return other_bytes(key);
  return std::move(response.body);
}

Result<Bytes> cut(Bytes whole, std::string_view key, ByteRange range) {
  DRKIT_ASSIGN(const std::uint64_t length, clip_range(range, whole.size(), key));
  if (length == whole.size()) return whole;
  const auto first = whole.begin() + static_cast<std::ptrdiff_t>(range.offset);
  return Bytes(first, first + static_cast<std::ptrdiff_t>(length));
}

// Nothing is there to be sent: at the end that is an answer, past it a mistake.
Result<Bytes> empty_part(const Context& ctx, Server& server, const std::string& path, std::string_view key,
                         ByteRange range) {
  DRKIT_ASSIGN(const Resource there, server.stat(ctx, path));
  if (there.collection) return key_error(ErrorCode::not_found, "no such object", key);
  if (!there.size_bytes) return key_error(ErrorCode::unsupported, "the server does not tell the sizes of files", key);
  DRKIT_ASSIGN(const std::uint64_t length, clip_range(range, *there.size_bytes, key));
  if (length == 0) return Bytes();
  return key_error(ErrorCode::io, "the server refuses a range that the object has", key);
}

}  // namespace

Result<Bytes> download(const Context& ctx, Server& server, const std::string& path, std::string_view key,
                       ByteRange range) {
  if (range.length == 0) return empty_part(ctx, server, path, key, range);
  const bool partial = range.offset != 0 || range.length != kToTheEnd;
  Call call{"GET", path};
  call.max_response_bytes = kMaxObjectBytes;
  if (partial) call.headers = {{"Range", range_header(range)}};
  DRKIT_ASSIGN(net::HttpResponse response, server.send(ctx, call));
  if (response.status == 206 && partial) return checked_part(std::move(response), key, range);
  if (response.status == 200) return cut(std::move(response.body), key, range);
  if (response.status == 416 && partial) return empty_part(ctx, server, path, key, range);
  return status_error(ctx, response, "reading an object");
}

}  // namespace drkit::storage::webdav
