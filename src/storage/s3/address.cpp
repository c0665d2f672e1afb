// s3:// addresses as options.
#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text_file.hpp"
#include "base/url.hpp"
#include "storage/s3/digest.hpp"
#include "storage/s3/options.hpp"

namespace drkit {
namespace storage::s3 {
namespace {

Error bad_value(const std::string& option, const char* wanted) {
  return Error(ErrorCode::invalid_argument, std::string("the option must be ") + wanted).with("option", option);
}

// The options of one address, each read by its kind.
class Query {
 public:
  explicit Query(const base::Address& address) : query_(address.query) {}

  bool has(const std::string& key) const { return query_.contains(key); }
  std::string text(const std::string& key) const { return has(key) ? query_.at(key) : std::string(); }

  Result<bool> flag(const std::string& key, bool otherwise) const {
    if (!has(key)) return otherwise;
    const std::string value = text(key);
    if (value != "true" && value != "false") return bad_value(key, "true or false");
    return value == "true";
  }

  Result<S3Choice> choice(const std::string& key) const {
    if (!has(key) || text(key) == "auto") return S3Choice::detect;
    DRKIT_ASSIGN(const bool value, flag(key, false));
    return value ? S3Choice::yes : S3Choice::no;
  }

  Result<std::uint64_t> number(const std::string& key, std::uint64_t otherwise, std::uint64_t most) const {
    if (!has(key)) return otherwise;
    return read_number(key, text(key), most);
  }

  /// With K, M, G behind it, in powers of 1024.
  Result<std::uint64_t> size(const std::string& key, std::uint64_t otherwise) const {
    if (!has(key)) return otherwise;
    std::string value = text(key);
    const std::size_t unit = value.empty() ? std::string::npos : std::string("KMG").find(value.back());
    if (unit != std::string::npos) value.pop_back();
    const unsigned shift = unit == std::string::npos ? 0 : 10 * (static_cast<unsigned>(unit) + 1);
    DRKIT_ASSIGN(const std::uint64_t count, read_number(key, value, std::uint64_t{1} << 33));
    return count << shift;
  }

 private:
  static Result<std::uint64_t> read_number(const std::string& key, std::string_view value, std::uint64_t most) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number > most) {
      return bad_value(key, "a number within bounds");
    }
    return number;
  }

  const std::map<std::string, std::string>& query_;
};

Result<void> read_encryption(const Query& query, S3Options& options) {
  const std::string sse = query.text("sse");
  if (sse == "AES256") {
    options.encryption = S3Encryption::s3;
  } else if (sse == "aws:kms") {
    options.encryption = S3Encryption::kms;
  } else if (!sse.empty()) {
    return bad_value("sse", "AES256 or aws:kms");
  }
  options.kms_key_id = query.text("kms_key_id");
  if (!query.has("sse_customer_key_file")) return {};
  if (!sse.empty()) return bad_value("sse", "absent beside sse_customer_key_file");
  DRKIT_ASSIGN(std::optional<std::string> key, base::read_text_file(query.text("sse_customer_key_file")));
  if (!key) return Error(ErrorCode::not_found, "no such key file").with("path", query.text("sse_customer_key_file"));
  options.encryption = S3Encryption::customer_key;
  options.customer_key = Secret::from_text(*key);
  wipe(*key);
  return {};
}

Result<void> read_protection(const Query& query, S3Options& options) {
  const std::string mode = query.text("object_lock");
  if (mode == "governance") {
    options.lock_mode = S3LockMode::governance;
  } else if (mode == "compliance") {
    options.lock_mode = S3LockMode::compliance;
  } else if (!mode.empty()) {
    return bad_value("object_lock", "governance or compliance");
  }
  DRKIT_ASSIGN(const std::uint64_t days, query.number("retain_days", 0, 36'500));
  options.retain_days = static_cast<unsigned>(days);
  DRKIT_ASSIGN(options.legal_hold, query.flag("legal_hold", false));
  DRKIT_ASSIGN(options.remove_versions, query.flag("remove_versions", false));
  DRKIT_ASSIGN(options.bypass_governance, query.flag("bypass_governance", false));
  return {};
}

// "k=v,k2=v2"
Result<void> read_tags(std::string_view text, S3Options& options) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(','));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) return bad_value("tags", "k=v,k2=v2");
    options.tags.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
  }
  return {};
}

Result<void> read_transfer(const Query& query, S3Options& options) {
  DRKIT_ASSIGN(options.path_style, query.choice("path_style"));
  DRKIT_ASSIGN(options.conditional_create, query.choice("conditional_create"));
  DRKIT_ASSIGN(options.content_md5, query.flag("content_md5", options.content_md5));
  DRKIT_ASSIGN(options.requester_pays, query.flag("requester_pays", false));
  DRKIT_ASSIGN(options.part_size_bytes, query.size("part_size", options.part_size_bytes));
  DRKIT_ASSIGN(const std::uint64_t parts, query.number("parallel_parts", options.parallel_parts, 64));
  DRKIT_ASSIGN(const std::uint64_t connections, query.number("connections", options.max_connections, 1024));
  DRKIT_ASSIGN(const std::uint64_t connect_seconds, query.number("connect_seconds", 10, 600));
  DRKIT_ASSIGN(const std::uint64_t stall_seconds, query.number("stall_seconds", 30, 3600));
  options.parallel_parts = static_cast<unsigned>(parts);
  options.max_connections = static_cast<unsigned>(connections);
  options.connect_timeout = std::chrono::seconds(connect_seconds);
  options.stall_timeout = std::chrono::seconds(stall_seconds);
  return {};
}

Result<void> read_query(const base::Address& address, S3Options& options) {
  DRKIT_TRY(base::require_known_keys(address, {"endpoint",          "region",
                                               "path_style",        "profile",
                                               "storage_class",     "sse",
                                               "kms_key_id",        "sse_customer_key_file",
                                               "object_lock",       "retain_days",
                                               "legal_hold",        "remove_versions",
                                               "bypass_governance", "requester_pays",
                                               "part_size",         "parallel_parts",
                                               "connections",       "tags",
                                               "content_md5",       "conditional_create",
                                               "connect_seconds",   "stall_seconds"}));
  const Query query(address);
  options.storage_class = query.text("storage_class");
  DRKIT_TRY(read_encryption(query, options));
  DRKIT_TRY(read_protection(query, options));
  DRKIT_TRY(read_tags(query.text("tags"), options));
  return read_transfer(query, options);
}

std::string without_slashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

std::string either(const std::string& first, const std::string& second) { return first.empty() ? second : first; }

}  // namespace
}  // namespace storage::s3

Result<S3Options> s3_options_from_address(std::string_view text, const AwsPlaces& places) {
  using namespace storage::s3;
  DRKIT_ASSIGN(const base::Address address, base::parse_address(text));
  if (address.scheme != "s3" || address.host.empty() || !address.user.empty() || address.port != 0) {
    return Error(ErrorCode::invalid_argument, "an address of S3 is s3://bucket/prefix?endpoint=...");
  }
  S3Options options;
  options.bucket = address.host;
  options.prefix = without_slashes(address.path);
  DRKIT_TRY(read_query(address, options));
  AwsPlaces asked = places;
  const Query query(address);
  if (query.has("profile")) asked.profile = query.text("profile");
  DRKIT_ASSIGN(const AwsSettings settings, aws_settings(asked));
  options.region = either(either(query.text("region"), settings.region), options.region);
  options.endpoint = either(query.text("endpoint"), settings.endpoint);
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  options.ca_file = either(places.ca_file, settings.ca_file);
  asked.ca_file = options.ca_file;
  options.credentials = aws_credentials(std::move(asked));
  return options;
}

}  // namespace drkit
