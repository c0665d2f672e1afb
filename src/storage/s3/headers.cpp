#include "storage/s3/headers.hpp"

#include <algorithm>
#include <charconv>

#include "base/hex.hpp"
#include "storage/s3/time.hpp"

namespace drkit::storage::s3 {
namespace {

constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000'000;

void add_customer_key(const S3Options& options, Pairs& headers) {
  if (options.encryption != S3Encryption::customer_key) return;
  const ByteView key = options.customer_key.view();
  const auto sum = md5(key);
  headers.emplace_back("x-amz-server-side-encryption-customer-algorithm", "AES256");
  headers.emplace_back("x-amz-server-side-encryption-customer-key", to_base64(key));
  if (sum) headers.emplace_back("x-amz-server-side-encryption-customer-key-md5", to_base64(*sum));
}

void add_encryption(const S3Options& options, Pairs& headers) {
  if (options.encryption == S3Encryption::s3) headers.emplace_back("x-amz-server-side-encryption", "AES256");
  if (options.encryption == S3Encryption::kms) {
    headers.emplace_back("x-amz-server-side-encryption", "aws:kms");
    if (!options.kms_key_id.empty()) {
      headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", options.kms_key_id);
    }
  }
  add_customer_key(options, headers);
}

void add_lock(const S3Options& options, std::int64_t now_ns, Pairs& headers) {
  if (options.lock_mode != S3LockMode::none) {
    headers.emplace_back("x-amz-object-lock-mode", lock_mode_name(options.lock_mode));
    headers.emplace_back("x-amz-object-lock-retain-until-date", iso_time(now_ns + options.retain_days * kDay));
  }
  if (options.legal_hold) headers.emplace_back("x-amz-object-lock-legal-hold", "ON");
}

}  // namespace

Pairs put_headers(const S3Options& options, PutKind kind, std::int64_t now_ns) {
  Pairs headers;
  add_encryption(options, headers);
  if (kind == PutKind::bare) return headers;
  if (!options.storage_class.empty()) headers.emplace_back("x-amz-storage-class", options.storage_class);
  if (!options.tags.empty()) {
    headers.emplace_back("x-amz-tagging", canonical_query(Pairs(options.tags.begin(), options.tags.end())));
  }
  add_lock(options, now_ns, headers);
  return headers;
}

Pairs read_headers(const S3Options& options) {
  Pairs headers;
  add_customer_key(options, headers);
  return headers;
}

Result<void> confirm_encryption(const S3Options& options, const net::HttpResponse& response) {
  const auto sealed = [&]() -> std::string_view {
    return response.header("x-amz-server-side-encryption").value_or("");
  };
  const auto confirmed = [&] {
    switch (options.encryption) {
      case S3Encryption::s3:
        return !sealed().empty();
      case S3Encryption::kms:
        return sealed().starts_with("aws:kms");
      case S3Encryption::customer_key:
        return response.header("x-amz-server-side-encryption-customer-algorithm").has_value();
      default:
        return true;
    }
  };
  if (confirmed()) return {};
  return Error(ErrorCode::unsupported, "the server took the object, but did not encrypt it as asked");
}

std::string lock_mode_name(S3LockMode mode) {
  if (mode == S3LockMode::none) return "";
  return mode == S3LockMode::governance ? "GOVERNANCE" : "COMPLIANCE";
}

std::string plain_etag(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

std::optional<Md5> etag_md5(std::string_view etag, const net::HttpResponse& response) {
  const auto sealed = response.header("x-amz-server-side-encryption");
  if (sealed && *sealed != "AES256") return std::nullopt;
  if (response.header("x-amz-server-side-encryption-customer-algorithm")) return std::nullopt;
  return base::array_from_hex<16>(plain_etag(etag));
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = parse_number(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto last = parse_number(text.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return ContentRange{*first, *last, parse_number(text.substr(slash + 1))};
}

}  // namespace drkit::storage::s3
