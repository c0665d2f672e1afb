#include "registry/webdav_address.hpp"

#include <charconv>

#include <drkit/storage.hpp>

#include "base/patience.hpp"
#include "base/url.hpp"

namespace drkit::registry {
namespace {

Result<WebdavAuth> auth_of(std::string_view name) {
  if (name == "basic") return WebdavAuth::basic;
  if (name == "digest") return WebdavAuth::digest;
  if (name == "bearer") return WebdavAuth::bearer;
  return Error(ErrorCode::invalid_argument, "auth is basic, digest or bearer");
}

Result<std::uint64_t> number_of(std::string_view text, const char* key) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && number > 0 && number <= 1'000'000) return number;
  return Error(ErrorCode::invalid_argument, "not a number from 1 to 1000000").with("query", key);
}

Result<void> apply_query(const base::Address& address, WebdavOptions& options) {
  DRKIT_TRY(base::require_known_keys(address, {"auth", "part_mib", "stall_seconds", "connections"}));
  for (const auto& [key, value] : address.query) {
    if (key == "auth") {
      DRKIT_ASSIGN(options.auth, auth_of(value));
      continue;
    }
    DRKIT_ASSIGN(const std::uint64_t number, number_of(value, key.c_str()));
    if (key == "part_mib") options.part_bytes = number << 20;
    if (key == "stall_seconds") options.stall_timeout = std::chrono::seconds(number);
    if (key == "connections") options.max_connections = static_cast<unsigned>(number);
  }
  return {};
}

Result<StoragePtr> open_once(const Context& ctx, std::string_view address, const StorageOptions& options) {
  DRKIT_ASSIGN(const base::Address parsed, base::parse_address(address));
  WebdavOptions webdav;
  webdav.user = options.user;
  webdav.password = options.password.clone();
  webdav.ca_file = options.ca_file;
  webdav.client_certificate_file = options.client_certificate_file;
  webdav.client_key_file = options.client_key_file;
  webdav.proxy = options.proxy;
  webdav.create = options.create;
  webdav.nextcloud = parsed.scheme.starts_with("nextcloud");
  DRKIT_TRY(apply_query(parsed, webdav));
  const std::string_view url = address.substr(address.find('+') + 1);
  return make_webdav_storage(ctx, std::string(url.substr(0, url.find('?'))), std::move(webdav));
}

}  // namespace

bool is_webdav(std::string_view scheme) {
  return scheme == "webdav+https" || scheme == "webdav+http" || scheme == "nextcloud+https" ||
         scheme == "nextcloud+http";
}

Result<StoragePtr> open_webdav(const Context& ctx, std::string_view address, const StorageOptions& options) {
  return base::repeat_briefly(ctx, options.attempts, [&] { return open_once(ctx, address, options); });
}

}  // namespace drkit::registry
