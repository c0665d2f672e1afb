#include "storage/key.hpp"

#include <algorithm>

namespace drkit {
namespace {

constexpr std::size_t kMaxKeyBytes = 200;

bool legal_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '/';
}

bool legal_part(std::string_view part) { return !part.empty() && part != "." && part != ".."; }

bool legal_key(std::string_view key) {
  if (key.size() > kMaxKeyBytes || !std::all_of(key.begin(), key.end(), legal_byte)) return false;
  for (std::size_t start = 0;;) {
    const std::size_t slash = key.find('/', start);
    if (!legal_part(key.substr(start, slash - start))) return false;
    if (slash == std::string_view::npos) return true;
    start = slash + 1;
  }
}

// A malformed key may hold anything: it is shown in errors only as far as it fits one plain line.
std::string printable(std::string_view key) {
  std::string text(key.substr(0, kMaxKeyBytes));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

}  // namespace

Result<void> validate_storage_key(std::string_view key) {
  if (legal_key(key)) return {};
  return Error(ErrorCode::invalid_argument, "malformed storage key").with("key", printable(key));
}

Result<std::unique_ptr<GrowingObject>> Storage::grow(const Context& ctx, std::string_view key) {
  DRKIT_TRY(storage::begin_call(ctx, key));
  return storage::key_error(ErrorCode::unsupported, "objects of this storage cannot grow", key);
}

namespace storage {

Result<void> validate_prefix(std::string_view prefix) {
  if (legal_key(prefix) || legal_key(std::string(prefix) + 'x')) return {};
  return Error(ErrorCode::invalid_argument, "malformed storage key prefix").with("key", printable(prefix));
}

Result<void> begin_call(const Context& ctx, std::string_view key) {
  DRKIT_TRY(validate_storage_key(key));
  if (auto running = ctx.check_cancelled(); !running) return std::move(running).error().with("key", std::string(key));
  return {};
}

Result<void> begin_list(const Context& ctx, std::string_view prefix) {
  DRKIT_TRY(validate_prefix(prefix));
  if (auto running = ctx.check_cancelled(); !running) {
    return std::move(running).error().with("key", std::string(prefix));
  }
  return {};
}

Error key_error(ErrorCode code, std::string message, std::string_view key, Retry retry) {
  return Error(code, std::move(message), retry).with("key", std::string(key));
}

Result<std::uint64_t> clip_range(ByteRange range, std::uint64_t size_bytes, std::string_view key) {
  if (range.offset > size_bytes) {
    return key_error(ErrorCode::invalid_argument, "range starts past the end of the object", key)
        .with("offset", std::to_string(range.offset))
        .with("size_bytes", std::to_string(size_bytes));
  }
  return std::min(range.length, size_bytes - range.offset);
}

}  // namespace storage
}  // namespace drkit
