#include "storage/s3/options.hpp"

#include <algorithm>

#include "base/url.hpp"

namespace drkit::storage::s3 {
namespace {

constexpr std::size_t kMinPart = std::size_t{5} << 20;
constexpr std::size_t kMaxPart = std::size_t{5} << 30;

Error bad_option(const char* option, const char* why) {
  return Error(ErrorCode::invalid_argument, why).with("option", option);
}

bool bucket_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

Result<void> validate_bucket(const std::string& bucket) {
  const bool good = bucket.size() >= 3 && bucket.size() <= 255 &&
                    std::all_of(bucket.begin(), bucket.end(), bucket_byte) && bucket.find("..") == std::string::npos &&
                    bucket.front() != '.' && bucket.front() != '-';
  if (good) return {};
  return bad_option("bucket", "a bucket's name has 3 to 255 letters, digits, points and hyphens");
}

Result<void> validate_prefix(std::string_view prefix) {
  if (prefix.empty()) return {};
  // A whole key must stay below the 1024 bytes that S3 has.
  if (prefix.size() > 700) return bad_option("prefix", "the prefix is longer than 700 bytes");
  while (true) {
    const std::string_view part = prefix.substr(0, prefix.find('/'));
    if (part.empty() || part == "." || part == "..")
      return bad_option("prefix", "the prefix has an empty or dotted part");
    if (part.size() == prefix.size()) return {};
    prefix.remove_prefix(part.size() + 1);
  }
}

bool is_this_machine(std::string_view host) { return host == "localhost" || host.starts_with("127.") || host == "::1"; }

Result<void> validate_endpoint(const S3Options& options) {
  if (options.endpoint.empty()) return {};
  const auto address = base::parse_address(options.endpoint);
  const bool good = address.ok() && (address->scheme == "http" || address->scheme == "https") &&
                    !address->host.empty() && address->user.empty() && address->query.empty() &&
                    (address->path.empty() || address->path == "/");
  if (!good) return bad_option("endpoint", "an endpoint is https://host[:port] or http://host[:port]");
  if (options.encryption == S3Encryption::customer_key && address->scheme == "http" &&
      !is_this_machine(address->host)) {
    return bad_option("endpoint", "a customer's key never goes over the network in clear text");
  }
  return {};
}

bool plain_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<void> validate_names(const S3Options& options) {
  // They become part of a host's name and of headers.
  const bool region = !options.region.empty() && std::all_of(options.region.begin(), options.region.end(), bucket_byte);
  if (!region) return bad_option("region", "malformed region");
  if (!plain_text(options.storage_class)) return bad_option("storage_class", "malformed storage class");
  if (!plain_text(options.kms_key_id)) return bad_option("kms_key_id", "malformed key id");
  if (options.tags.size() > 10) return bad_option("tags", "an object has at most 10 tags");
  return {};
}

Result<void> validate_protection(const S3Options& options) {
  if (options.lock_mode != S3LockMode::none && options.retain_days == 0) {
    return bad_option("retain_days", "a lock mode needs the days that objects are kept");
  }
  if (options.lock_mode == S3LockMode::none && options.retain_days != 0) {
    return bad_option("retain_days", "days without a lock mode");
  }
  if (options.retain_days > 36'500) return bad_option("retain_days", "more than 100 years");
  if (!options.content_md5 && (options.lock_mode != S3LockMode::none || options.legal_hold)) {
    return bad_option("content_md5", "object lock needs the MD5 of what is put");
  }
  return {};
}

Result<void> validate_encryption(const S3Options& options) {
  const bool customer = options.encryption == S3Encryption::customer_key;
  if (customer && options.customer_key.size() != 32) return bad_option("sse", "a customer's key has 32 bytes");
  if (!customer && !options.customer_key.empty()) return bad_option("sse", "a customer's key that is not asked for");
  if (!options.kms_key_id.empty() && options.encryption != S3Encryption::kms) {
    return bad_option("kms_key_id", "a key id needs sse=aws:kms");
  }
  return {};
}

bool host_can_hold(std::string_view bucket) {
  // A certificate for *.host covers one label: a name with points would not verify.
  return bucket.size() <= 63 && std::all_of(bucket.begin(), bucket.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::string amazon_host(std::string_view region) {
  return "s3." + std::string(region) + (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

}  // namespace

Result<void> validate(const S3Options& options) {
  DRKIT_TRY(validate_bucket(options.bucket));
  DRKIT_TRY(validate_prefix(options.prefix));
  DRKIT_TRY(validate_endpoint(options));
  DRKIT_TRY(validate_names(options));
  DRKIT_TRY(validate_protection(options));
  DRKIT_TRY(validate_encryption(options));
  if (options.credentials == nullptr) return bad_option("credentials", "no credentials");
  if (options.part_size_bytes < kMinPart || options.part_size_bytes > kMaxPart) {
    return bad_option("part_size", "parts have 5 MiB to 5 GiB");
  }
  if (options.parallel_parts == 0 || options.parallel_parts > 64) {
    return bad_option("parallel_parts", "1 to 64 parts go up at once");
  }
  if (options.max_connections == 0) return bad_option("connections", "at least one connection");
  return {};
}

Place place_of(const S3Options& options, std::string_view region) {
  Place place{"https", amazon_host(region), ""};
  if (!options.endpoint.empty()) {
    const auto address = base::parse_address(options.endpoint);
    place.scheme = address->scheme;
    place.host = address->host.find(':') == std::string::npos ? address->host : "[" + address->host + "]";
    const std::uint16_t own_port = place.scheme == "https" ? 443 : 80;
    if (address->port != 0 && address->port != own_port) place.host += ":" + std::to_string(address->port);
  }
  const bool in_path = options.path_style == S3Choice::detect
                           ? !options.endpoint.empty() || !host_can_hold(options.bucket)
                           : options.path_style == S3Choice::yes;
  if (in_path) {
    place.base_path = "/" + options.bucket;
  } else {
    place.host = options.bucket + "." + place.host;
  }
  return place;
}

std::string display_name(const S3Options& options) {
  std::string name = "s3://" + options.bucket;
  if (!options.prefix.empty()) name += "/" + options.prefix;
  if (!options.endpoint.empty()) name += "?endpoint=" + options.endpoint;
  return base::redact(name);
}

}  // namespace drkit::storage::s3
