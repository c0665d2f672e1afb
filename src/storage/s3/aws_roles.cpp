// Credentials of roles, from the token service.
#include "base/hex.hpp"
#include "base/text_file.hpp"
#include "base/url.hpp"
#include "storage/s3/answers.hpp"
#include "storage/s3/aws.hpp"
#include "storage/s3/digest.hpp"
#include "storage/s3/errors.hpp"
#include "storage/s3/sigv4.hpp"

namespace drkit::storage::s3 {
namespace {

std::string token_service(const AwsPlaces& places, const std::string& region) {
  std::string endpoint = variable(places, "AWS_ENDPOINT_URL_STS");
  if (endpoint.empty()) endpoint = variable(places, "AWS_ENDPOINT_URL");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (!endpoint.empty()) return endpoint;
  return "https://sts." + region + (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

std::string session_name(const Context& ctx, const AwsRole& role) {
  return role.session_name.empty() ? "drkit-" + std::to_string(ctx.clock->wall_ns() / 1'000'000'000)
                                   : role.session_name;
}

std::string host_of(const std::string& url) {
  const std::size_t start = url.find("//") + 2;
  return url.substr(start, url.find('/', start) - start);
}

// The action and its parameters as a form, so that no token stands in an address.
Result<S3Credentials> ask(const Context& ctx, net::HttpClient& client, const std::string& endpoint,
                          const std::string& action, Pairs form, const S3Credentials* as, const std::string& region) {
  form.emplace_back("Action", action);
  form.emplace_back("Version", "2011-06-15");
  std::string body = canonical_query(form);
  for (auto& [name, value] : form) wipe(value);

  SignedRequest signed_request;
  signed_request.method = "POST";
  signed_request.host = host_of(endpoint);
  signed_request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  signed_request.payload_hash = base::to_hex(sha256(as_bytes(body)));
  if (as != nullptr) sign(signed_request, *as, {region, "sts", ctx.clock->wall_ns()});

  net::HttpRequest request;
  request.method = "POST";
  request.url = endpoint + "/";
  request.headers = signed_request.headers;
  request.body = as_bytes(body);
  request.has_body = true;
  request.max_response_bytes = std::size_t{256} << 10;
  auto response = client.send(ctx, request);
  wipe(body);
  if (!response) return std::move(response).error().with("action", action);
  if (response->status != 200) return answer_error(*response, ctx.clock->wall_ns()).with("action", action);
  auto credentials = parse_assumed_role(as_text(response->body), action);
  std::fill(response->body.begin(), response->body.end(), std::byte{0});
  return credentials;
}

Pairs role_form(const Context& ctx, const AwsRole& role) {
  return {{"RoleArn", role.arn}, {"RoleSessionName", session_name(ctx, role)}};
}

}  // namespace

Result<S3Credentials> assume_role_with_token(const Context& ctx, const AwsPlaces& places, const AwsClients& clients,
                                             const AwsRole& role, const std::string& token_file) {
  DRKIT_ASSIGN(std::optional<std::string> token, base::read_text_file(token_file));
  if (!token) return Error(ErrorCode::unauthenticated, "no such web identity token file").with("path", token_file);
  while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
  Pairs form = role_form(ctx, role);
  form.emplace_back("WebIdentityToken", std::move(*token));
  DRKIT_ASSIGN(const HttpPtr client, clients.tokens());
  return ask(ctx, *client, token_service(places, role.region), "AssumeRoleWithWebIdentity", std::move(form), nullptr,
             role.region);
}

Result<S3Credentials> assume_role(const Context& ctx, const AwsPlaces& places, const AwsClients& clients,
                                  const AwsRole& role, const S3Credentials& as) {
  Pairs form = role_form(ctx, role);
  if (!role.external_id.empty()) form.emplace_back("ExternalId", role.external_id);
  DRKIT_ASSIGN(const HttpPtr client, clients.tokens());
  return ask(ctx, *client, token_service(places, role.region), "AssumeRole", std::move(form), &as, role.region);
}

}  // namespace drkit::storage::s3
