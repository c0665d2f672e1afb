#include <charconv>

#include "base/url.hpp"
#include "storage/sftp/sftp.hpp"

namespace drkit::storage::sftp {
namespace {

Error bad(std::string message) { return Error(ErrorCode::invalid_argument, std::move(message)); }

Result<unsigned> number(const base::Address& address, const char* key, unsigned low, unsigned high,
                        unsigned otherwise) {
  const auto found = address.query.find(key);
  if (found == address.query.end()) return otherwise;
  const std::string& text = found->second;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= low && value <= high) return value;
  return bad(std::string(key) + " must be a number from " + std::to_string(low) + " to " + std::to_string(high));
}

std::string text(const base::Address& address, const char* key) {
  const auto found = address.query.find(key);
  return found == address.query.end() ? std::string() : found->second;
}

// A fingerprint is 43 digits of base64; `ssh-keygen` writes no padding, others do.
Result<std::string> pin(const base::Address& address) {
  std::string pinned = text(address, "host_key");
  if (pinned.empty()) return pinned;
  while (pinned.ends_with('=')) pinned.pop_back();
  constexpr std::size_t kSize = std::string_view("SHA256:").size() + 43;
  if (!pinned.starts_with("SHA256:") || pinned.size() != kSize) {
    return bad("host_key is no fingerprint like SHA256:... with 43 digits, as `ssh-keygen -lf` shows it");
  }
  return pinned;
}

std::string root_of(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path == "/~") return ".";
  if (path.starts_with("/~/")) return path.substr(3);
  return path;
}

}  // namespace

Result<Settings> parse(std::string_view given, const StorageOptions& options) {
  DRKIT_ASSIGN(base::Address address, base::parse_address(given));
  DRKIT_TRY(base::require_known_keys(address, {"host_key", "known_hosts", "timeout", "connections", "fsync"}));
  if (address.host.empty()) return bad("an sftp address names a host: sftp://user@host/path");
  if (address.path.empty()) return bad("an sftp address names a directory: sftp://user@host/path");
  if (!options.proxy.empty()) return Error(ErrorCode::unsupported, "sftp goes through no proxy");
  Settings settings;
  settings.host = address.host;
  if (address.port != 0) settings.port = address.port;
  settings.user = address.user.empty() ? options.user : address.user;
  if (settings.user.empty()) return bad("an sftp storage needs a user: in the address or in the options");
  settings.root = root_of(std::move(address.path));
  if (settings.root == "/") return bad("the server's root directory is no place for a storage");
  DRKIT_ASSIGN(settings.host_key, pin(address));
  settings.known_hosts_file = text(address, "known_hosts");
  settings.key_file = options.key_file;
  settings.agent_socket = options.agent_socket;
  settings.password = options.password.clone();
  settings.create = options.create;
  const std::string fsync = text(address, "fsync");
  if (fsync != "" && fsync != "required" && fsync != "optional") return bad("fsync must be required or optional");
  settings.require_fsync = fsync != "optional";
  DRKIT_ASSIGN(settings.max_connections, number(address, "connections", 1, 16, settings.max_connections));
  constexpr unsigned kStallSeconds = 30;
  DRKIT_ASSIGN(const unsigned seconds, number(address, "timeout", 1, 3600, kStallSeconds));
  settings.stall_timeout = std::chrono::seconds(seconds);
  settings.connect_timeout = std::min<std::chrono::milliseconds>(settings.connect_timeout, settings.stall_timeout);
  return settings;
}

}  // namespace drkit::storage::sftp
