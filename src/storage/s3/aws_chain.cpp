// The search through the places, in the order of other programs.
#include <set>

#include "storage/s3/aws.hpp"
#include "storage/s3/digest.hpp"
#include "storage/s3/program.hpp"

namespace drkit::storage::s3 {
namespace {

constexpr std::size_t kMaxRoles = 8;

std::string region_or_default(std::string region) { return region.empty() ? "us-east-1" : region; }

class AwsChain final : public S3CredentialsProvider {
 public:
  AwsChain(AwsPlaces places, AwsClients clients) : places_(std::move(places)), clients_(std::move(clients)) {}

  Result<S3Credentials> fetch(const Context& ctx) override {
    using Place = MaybeCredentials (AwsChain::*)(const Context&);
    for (const Place place : {&AwsChain::from_variables, &AwsChain::from_token, &AwsChain::from_profile,
                              &AwsChain::from_container, &AwsChain::from_instance}) {
      DRKIT_ASSIGN(std::optional<S3Credentials> found, (this->*place)(ctx));
      if (found) return std::move(*found);
    }
    return Error(ErrorCode::unauthenticated,
                 "no credentials: not in AWS_ACCESS_KEY_ID, a web identity token, the shared files, a container "
                 "service or instance metadata");
  }

 private:
  // A profile that the caller named goes before the keys of the environment.
  MaybeCredentials from_variables(const Context&) {
    S3Credentials credentials;
    credentials.access_key_id = variable(places_, "AWS_ACCESS_KEY_ID");
    if (credentials.access_key_id.empty() || !places_.profile.empty()) return std::optional<S3Credentials>();
    credentials.secret_access_key = Secret::from_text(variable(places_, "AWS_SECRET_ACCESS_KEY"));
    credentials.session_token = Secret::from_text(variable(places_, "AWS_SESSION_TOKEN"));
    if (credentials.secret_access_key.empty()) {
      return Error(ErrorCode::unauthenticated, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    }
    return std::optional(std::move(credentials));
  }

  MaybeCredentials from_token(const Context& ctx) {
    const std::string file = variable(places_, "AWS_WEB_IDENTITY_TOKEN_FILE");
    AwsRole role;
    role.arn = variable(places_, "AWS_ROLE_ARN");
    if (file.empty() || role.arn.empty() || !places_.profile.empty()) return std::optional<S3Credentials>();
    role.session_name = variable(places_, "AWS_ROLE_SESSION_NAME");
    DRKIT_ASSIGN(const std::optional<Profile> profile, chosen_profile(places_));
    role.region = region_or_default(aws_region(places_, profile ? &*profile : nullptr));
    DRKIT_ASSIGN(S3Credentials credentials, assume_role_with_token(ctx, places_, clients_, role, file));
    return std::optional(std::move(credentials));
  }

  MaybeCredentials from_profile(const Context& ctx) {
    DRKIT_ASSIGN(const std::optional<Profile> profile, chosen_profile(places_));
    if (!profile) return std::optional<S3Credentials>();
    std::set<std::string> seen;
    return of_profile(ctx, *profile, seen);
  }

  MaybeCredentials from_container(const Context& ctx) { return container_credentials(ctx, places_, clients_); }
  MaybeCredentials from_instance(const Context& ctx) { return instance_credentials(ctx, places_, clients_); }

  MaybeCredentials of_profile(const Context& ctx, const Profile& profile, std::set<std::string>& seen) {
    if (profile.has("role_arn")) return of_role(ctx, profile, seen);
    if (profile.has("aws_access_key_id")) return keys_of(profile);
    if (profile.has("credential_process")) return of_program(ctx, profile.get("credential_process"));
    if (profile.has("sso_start_url") || profile.has("sso_session")) {
      return Error(ErrorCode::unsupported,
                   "the profile signs in by a browser: use credential_process with a program that can");
    }
    return std::optional<S3Credentials>();
  }

  static MaybeCredentials keys_of(const Profile& profile) {
    S3Credentials credentials;
    credentials.access_key_id = profile.get("aws_access_key_id");
    credentials.secret_access_key = Secret::from_text(profile.get("aws_secret_access_key"));
    credentials.session_token = Secret::from_text(profile.get("aws_session_token"));
    if (credentials.secret_access_key.empty()) {
      return Error(ErrorCode::unauthenticated, "the profile has aws_access_key_id, but no aws_secret_access_key");
    }
    return std::optional(std::move(credentials));
  }

  static MaybeCredentials of_program(const Context& ctx, const std::string& command) {
    DRKIT_ASSIGN(const std::vector<std::string> words, split_command(command));
    DRKIT_ASSIGN(std::string output, run_program(ctx, words));
    auto credentials = credentials_of_json(output, "SessionToken");
    wipe(output);
    if (!credentials) return Error(ErrorCode::unauthenticated, "the credential process prints no credentials");
    return std::optional(std::move(*credentials));
  }

  MaybeCredentials of_role(const Context& ctx, const Profile& profile, std::set<std::string>& seen) {
    const AwsRole role{profile.get("role_arn"), profile.get("role_session_name"), profile.get("external_id"),
                       region_or_default(aws_region(places_, &profile))};
    if (profile.has("web_identity_token_file")) {
      DRKIT_ASSIGN(S3Credentials credentials,
                   assume_role_with_token(ctx, places_, clients_, role, profile.get("web_identity_token_file")));
      return std::optional(std::move(credentials));
    }
    DRKIT_ASSIGN(const std::optional<S3Credentials> as, source_of(ctx, profile, seen));
    if (!as) return Error(ErrorCode::unauthenticated, "the profile's role has no credentials to be taken on with");
    DRKIT_ASSIGN(S3Credentials credentials, assume_role(ctx, places_, clients_, role, *as));
    return std::optional(std::move(credentials));
  }

  // What a role is taken on with: another profile's credentials, or another place's.
  MaybeCredentials source_of(const Context& ctx, const Profile& profile, std::set<std::string>& seen) {
    const std::string& place = profile.get("credential_source");
    if (place == "Environment") {
      AwsPlaces unnamed = places_;
      unnamed.profile.clear();
      return AwsChain(unnamed, clients_).from_variables(ctx);
    }
    if (place == "Ec2InstanceMetadata") return from_instance(ctx);
    if (place == "EcsContainer") return from_container(ctx);
    const std::string& name = profile.get("source_profile");
    if (name.empty()) return std::optional<S3Credentials>();
    DRKIT_ASSIGN(const Profile source, named_profile(places_, name));
    const bool again = !seen.insert(name).second || seen.size() > kMaxRoles;
    // A profile may name itself: then its keys are meant.
    if (again || source.get("role_arn") == profile.get("role_arn")) {
      if (source.has("aws_access_key_id")) return keys_of(source);
      return Error(ErrorCode::invalid_argument, "the profiles of roles refer to each other in a circle");
    }
    return of_profile(ctx, source, seen);
  }

  const AwsPlaces places_;
  const AwsClients clients_;
};

Result<HttpPtr> shared_client(net::HttpOptions options) {
  DRKIT_ASSIGN(std::unique_ptr<net::HttpClient> client, net::HttpClient::create(std::move(options)));
  return HttpPtr(std::move(client));
}

}  // namespace

AwsClients aws_clients(const AwsPlaces& places) {
  AwsClients clients;
  clients.metadata = [] {
    net::HttpOptions options;
    options.connect_timeout = std::chrono::milliseconds(1000);
    options.stall_timeout = std::chrono::milliseconds(5000);
    return shared_client(std::move(options));
  };
  clients.tokens = [proxy = places.proxy, ca_file = places.ca_file] {
    net::HttpOptions options;
    options.proxy = proxy;
    options.tls.ca_file = ca_file;
    return shared_client(std::move(options));
  };
  return clients;
}

S3CredentialsPtr aws_credentials_over(AwsPlaces places, AwsClients clients) {
  return std::make_shared<AwsChain>(std::move(places), std::move(clients));
}

}  // namespace drkit::storage::s3

namespace drkit {

S3CredentialsPtr aws_credentials(AwsPlaces places) {
  auto clients = storage::s3::aws_clients(places);
  return storage::s3::aws_credentials_over(std::move(places), std::move(clients));
}

}  // namespace drkit
