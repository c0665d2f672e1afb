#include "storage/s3/sigv4.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "net/http.hpp"
#include "storage/s3/digest.hpp"
#include "storage/s3/time.hpp"

namespace drkit::storage::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Outer spaces go, inner runs become one.
std::string trimmed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// Headers of one name are joined in the order in which they are sent.
Pairs canonical_headers(const SignedRequest& request) {
  Pairs headers{{"host", request.host}};
  for (const auto& [name, value] : request.headers) headers.emplace_back(lower(name), trimmed(value));
  std::stable_sort(headers.begin(), headers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Pairs joined;
  for (auto& header : headers) {
    if (!joined.empty() && joined.back().first == header.first) {
      joined.back().second += "," + header.second;
    } else {
      joined.push_back(std::move(header));
    }
  }
  return joined;
}

std::string signed_names(const Pairs& headers) {
  std::string names;
  for (const auto& header : headers) names += (names.empty() ? "" : ";") + header.first;
  return names;
}

std::string hex_sha256(std::string_view text) { return base::to_hex(sha256(as_bytes(text))); }

std::string signature(const Secret& key, std::string_view date, const SigningScope& scope, std::string_view text) {
  std::string start = "AWS4" + std::string(as_text(key.view()));
  const Sha256 of_date = hmac_sha256(as_bytes(start), date);
  wipe(start);
  const Sha256 of_region = hmac_sha256(of_date, scope.region);
  const Sha256 of_service = hmac_sha256(of_region, scope.service);
  const Sha256 signing_key = hmac_sha256(of_service, "aws4_request");
  return base::to_hex(hmac_sha256(signing_key, text));
}

}  // namespace

std::string canonical_query(const Pairs& query) {
  Pairs encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(net::percent_encode(name), net::percent_encode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
  return text;
}

std::string canonical_request(const SignedRequest& request) {
  const Pairs headers = canonical_headers(request);
  std::string text = request.method + "\n" + request.path + "\n" + canonical_query(request.query) + "\n";
  for (const auto& [name, value] : headers) text.append(name).append(":").append(value).append("\n");
  return text + "\n" + signed_names(headers) + "\n" + request.payload_hash;
}

void sign(SignedRequest& request, const S3Credentials& credentials, const SigningScope& scope) {
  const std::string time = basic_time(scope.now_ns);
  const std::string date = time.substr(0, 8);
  request.headers.emplace_back("x-amz-date", time);
  // S3 alone wants the hash among the headers; the suite of the other services does not have it there.
  if (scope.service == "s3") request.headers.emplace_back("x-amz-content-sha256", request.payload_hash);
  if (!credentials.session_token.empty()) {
    request.headers.emplace_back("x-amz-security-token", std::string(as_text(credentials.session_token.view())));
  }
  const std::string where = date + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string to_sign =
      std::string(kAlgorithm) + "\n" + time + "\n" + where + "\n" + hex_sha256(canonical_request(request));
  request.headers.emplace_back("authorization",
                               std::string(kAlgorithm) + " Credential=" + credentials.access_key_id + "/" + where +
                                   ", SignedHeaders=" + signed_names(canonical_headers(request)) +
                                   ", Signature=" + signature(credentials.secret_access_key, date, scope, to_sign));
}

}  // namespace drkit::storage::s3
