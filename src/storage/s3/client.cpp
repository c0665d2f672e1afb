#include "storage/s3/client.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "storage/s3/answers.hpp"
#include "storage/s3/errors.hpp"

namespace drkit::storage::s3 {
namespace {

bool is_success(int status) { return status >= 200 && status < 300; }

bool is_region(std::string_view text) {
  return !text.empty() && text.size() < 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// An answer to HEAD has no body that could say so.
bool says_expired(const net::HttpResponse& response, const S3Credentials& used) {
  if (response.status != 400 && response.status != 401 && response.status != 403) return false;
  const bool temporary = !used.session_token.empty();
  if (response.body.empty()) return temporary && response.status != 401;
  const std::string code = parse_error(as_text(response.body)).code;
  return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "TokenRefreshRequired";
}

}  // namespace

Client::Client(const S3Options& options, Transport transport)
    : options_(options), transport_(std::move(transport)), credentials_(options.credentials), region_(options.region) {}

Result<net::HttpResponse> Client::send(const Context& ctx, const Request& request) {
  return send_over(ctx, request, *transport_.requests);
}

Result<net::HttpResponse> Client::call(const Context& ctx, const Request& request) {
  DRKIT_ASSIGN(net::HttpResponse response, send(ctx, request));
  if (!is_success(response.status)) return answer_error(response, ctx.clock->wall_ns());
  return response;
}

Result<net::HttpResponse> Client::send_cleanup(const Context& ctx, const Request& request) {
  Context uncancelled = ctx;
  uncancelled.cancel = CancelToken();
  return send_over(uncancelled, request, *transport_.cleanup);
}

Result<net::HttpResponse> Client::send_over(const Context& ctx, const Request& request, net::HttpClient& http) {
  const std::string payload_hash = base::to_hex(sha256(request.body));
  bool region_changed = false;
  bool renewed = false;
  while (true) {
    DRKIT_ASSIGN(const SharedCredentials credentials, credentials_.get(ctx));
    const std::string region = current_region();
    DRKIT_ASSIGN(net::HttpResponse response, send_once(ctx, request, http, payload_hash, *credentials, region));
    if (!region_changed && learn_region(response, region)) {
      region_changed = true;
    } else if (!renewed && says_expired(response, *credentials)) {
      renewed = true;
      credentials_.discard(credentials);
    } else {
      return response;
    }
  }
}

Result<net::HttpResponse> Client::send_once(const Context& ctx, const Request& request, net::HttpClient& http,
                                            const std::string& payload_hash, const S3Credentials& credentials,
                                            const std::string& region) {
  const Place place = place_of(options_, region);
  SignedRequest to_sign;
  to_sign.method = request.method;
  to_sign.host = place.host;
  to_sign.path = place.base_path + "/" + net::percent_encode(request.object, true);
  to_sign.query = request.query;
  to_sign.headers = request.headers;
  to_sign.payload_hash = payload_hash;
  if (options_.requester_pays) to_sign.headers.emplace_back("x-amz-request-payer", "requester");
  sign(to_sign, credentials, {region, "s3", ctx.clock->wall_ns()});

  net::HttpRequest out;
  out.method = request.method;
  const std::string query = canonical_query(request.query);
  out.url = place.scheme + "://" + place.host + to_sign.path + (query.empty() ? "" : "?" + query);
  out.headers = std::move(to_sign.headers);
  out.body = request.body;
  out.has_body = request.has_body;
  out.max_response_bytes = request.max_response_bytes;
  return http.send(ctx, out);
}

// True when the answer names another region than was signed for.
bool Client::learn_region(const net::HttpResponse& response, const std::string& used) {
  if (response.status != 301 && response.status != 307 && response.status != 400) return false;
  const ServerError refusal = parse_error(as_text(response.body));
  const std::string named(response.header("x-amz-bucket-region").value_or(refusal.region));
  // Other requests may be refused with 400 for other reasons and carry the header all the same.
  if (response.status == 400 && !refusal.code.empty() && refusal.code != "AuthorizationHeaderMalformed" &&
      refusal.code != "IllegalLocationConstraintException") {
    return false;
  }
  if (!is_region(named) || named == used) return false;
  const std::lock_guard lock(mutex_);
  region_ = named;
  return true;
}

std::string Client::current_region() const {
  const std::lock_guard lock(mutex_);
  return region_;
}

}  // namespace drkit::storage::s3
