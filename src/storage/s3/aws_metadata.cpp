// Credentials from services of the machine: the container's and the instance's.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text_file.hpp"
#include "base/url.hpp"
#include "storage/s3/aws.hpp"
#include "storage/s3/digest.hpp"
#include "storage/s3/time.hpp"

namespace drkit::storage::s3 {
namespace {

constexpr std::string_view kContainerHost = "http://169.254.170.2";
constexpr std::string_view kInstanceHost = "http://169.254.169.254";

// In clear text only to this machine and to the addresses that the container services have for themselves.
bool may_be_plain(const std::string& host) {
  constexpr std::array<std::string_view, 5> kHosts = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost",
                                                      "::1"};
  return host.starts_with("127.") || std::find(kHosts.begin(), kHosts.end(), host) != kHosts.end();
}

Result<std::string> container_address(const AwsPlaces& places) {
  const std::string relative = variable(places, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  if (!relative.empty()) return std::string(kContainerHost) + relative;
  std::string full = variable(places, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (full.empty()) return full;
  const auto address = base::parse_address(full);
  const bool good =
      address.ok() && (address->scheme == "https" || (address->scheme == "http" && may_be_plain(address->host)));
  if (good) return full;
  return Error(ErrorCode::invalid_argument,
               "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or an address of this machine");
}

Result<std::string> container_token(const AwsPlaces& places) {
  std::string token = variable(places, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string path = variable(places, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty()) {
    DRKIT_ASSIGN(std::optional<std::string> text, base::read_text_file(path));
    if (!text) return Error(ErrorCode::unauthenticated, "no such token file").with("path", path);
    token = std::move(*text);
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  }
  const bool plain = std::none_of(token.begin(), token.end(), [](char c) { return c < 0x20 || c == 0x7f; });
  if (!plain) return Error(ErrorCode::unauthenticated, "the container's token holds control characters");
  return token;
}

Error service_refused(const char* service, const net::HttpResponse& response) {
  const bool passing = response.status >= 500 || response.status == 429;
  return Error(passing ? ErrorCode::unavailable : ErrorCode::unauthenticated,
               std::string("the ") + service + " gives no credentials", passing ? Retry::yes : Retry::no)
      .with("status", std::to_string(response.status));
}

Result<S3Credentials> credentials_of(net::HttpResponse& response, const char* service) {
  if (response.status != 200) return service_refused(service, response);
  auto credentials = credentials_of_json(as_text(response.body), "Token");
  std::fill(response.body.begin(), response.body.end(), std::byte{0});
  return credentials;
}

// One conversation with the metadata service of the instance.
class Instance {
 public:
  Instance(net::HttpClient& client, std::string host) : client_(client), host_(std::move(host)) {}

  /// False when there is no such service here.
  Result<bool> open(const Context& ctx) {
    auto token =
        client_.send(ctx, request("PUT", "/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds", "21600"}));
    if (!token) {
      if (token.error().code() == ErrorCode::cancelled) return std::move(token).error();
      return false;
    }
    if (token->status != 200) return false;
    token_ = as_text(token->body);
    return true;
  }

  Result<net::HttpResponse> get(const Context& ctx, const std::string& path) {
    return client_.send(ctx, request("GET", path, {"x-aws-ec2-metadata-token", token_}));
  }

 private:
  net::HttpRequest request(const char* method, const std::string& path, std::pair<std::string, std::string> header) {
    net::HttpRequest request;
    request.method = method;
    request.url = host_ + path;
    request.headers.push_back(std::move(header));
    request.max_response_bytes = std::size_t{64} << 10;
    return request;
  }

  net::HttpClient& client_;
  const std::string host_;
  std::string token_;
};

bool is_role_name(std::string_view name) {
  return !name.empty() &&
         std::none_of(name.begin(), name.end(), [](char c) { return c <= ' ' || c > '~' || c == '/'; });
}

}  // namespace

Result<S3Credentials> credentials_of_json(std::string_view text, const char* token_name) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto field = [&](const char* name) -> std::string {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  std::string secret = field("SecretAccessKey");
  std::string token = field(token_name);
  S3Credentials credentials;
  credentials.access_key_id = field("AccessKeyId");
  credentials.secret_access_key = Secret::from_text(secret);
  credentials.session_token = Secret::from_text(token);
  wipe(secret);
  wipe(token);
  const std::string expires = field("Expiration");
  const auto expires_ns = parse_iso_time(expires);
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty() || (!expires.empty() && !expires_ns)) {
    return Error(ErrorCode::unauthenticated, "the answer holds no credentials");
  }
  credentials.expires_ns = expires_ns.value_or(0);
  return credentials;
}

MaybeCredentials container_credentials(const Context& ctx, const AwsPlaces& places, const AwsClients& clients) {
  DRKIT_ASSIGN(const std::string url, container_address(places));
  if (url.empty()) return std::optional<S3Credentials>();
  DRKIT_ASSIGN(std::string token, container_token(places));
  DRKIT_ASSIGN(const HttpPtr client, clients.metadata());
  net::HttpRequest request;
  request.url = url;
  request.max_response_bytes = std::size_t{64} << 10;
  if (!token.empty()) request.headers.emplace_back("authorization", token);
  DRKIT_ASSIGN(net::HttpResponse response, client->send(ctx, request));
  DRKIT_ASSIGN(S3Credentials credentials, credentials_of(response, "container service"));
  return std::optional(std::move(credentials));
}

MaybeCredentials instance_credentials(const Context& ctx, const AwsPlaces& places, const AwsClients& clients) {
  if (variable(places, "AWS_EC2_METADATA_DISABLED") == "true") return std::optional<S3Credentials>();
  std::string host = variable(places, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (host.empty()) host = kInstanceHost;
  while (host.ends_with('/')) host.pop_back();
  DRKIT_ASSIGN(const HttpPtr client, clients.metadata());
  Instance instance(*client, host);
  DRKIT_ASSIGN(const bool here, instance.open(ctx));
  if (!here) return std::optional<S3Credentials>();
  const std::string roles = "/latest/meta-data/iam/security-credentials/";
  DRKIT_ASSIGN(const net::HttpResponse listed, instance.get(ctx, roles));
  if (listed.status == 404) return std::optional<S3Credentials>();
  if (listed.status != 200) return service_refused("instance metadata", listed);
  const std::string_view text = as_text(listed.body);
  const std::string_view role = text.substr(0, text.find_first_of("\r\n"));
  if (!is_role_name(role)) return service_refused("instance metadata", listed);
  DRKIT_ASSIGN(net::HttpResponse response, instance.get(ctx, roles + net::percent_encode(role)));
  DRKIT_ASSIGN(S3Credentials credentials, credentials_of(response, "instance metadata"));
  return std::optional(std::move(credentials));
}

}  // namespace drkit::storage::s3
