// The places of AWS that give credentials: each answers some, none, or an error that ends the search.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/http.hpp"
#include "storage/s3/profiles.hpp"

#include <drkit/storage_s3.hpp>

namespace drkit::storage::s3 {

using MaybeCredentials = Result<std::optional<S3Credentials>>;
using HttpPtr = std::shared_ptr<net::HttpClient>;

/// How the places are reached: metadata services directly and without patience, the token service like any other.
struct AwsClients {
  std::function<Result<HttpPtr>()> metadata;
  std::function<Result<HttpPtr>()> tokens;
};
AwsClients aws_clients(const AwsPlaces& places);
/// aws_credentials with clients of the caller's, for tests.
S3CredentialsPtr aws_credentials_over(AwsPlaces places, AwsClients clients);

/// Value of an environment variable, "" when unset.
std::string variable(const AwsPlaces& places, const std::string& name);

/// The profile of the places, with what both files say of it; nullopt when no file has it and nobody named it.
Result<std::optional<Profile>> chosen_profile(const AwsPlaces& places);
/// Errors: invalid_argument when there is none of this name.
Result<Profile> named_profile(const AwsPlaces& places, const std::string& name);
/// The region in which the token service is asked.
std::string aws_region(const AwsPlaces& places, const Profile* profile);

/// Credentials as credential_process, the container service and instance metadata print them. `token_name` is
/// "SessionToken" or "Token". Errors: unauthenticated.
Result<S3Credentials> credentials_of_json(std::string_view text, const char* token_name);

MaybeCredentials container_credentials(const Context& ctx, const AwsPlaces& places, const AwsClients& clients);
MaybeCredentials instance_credentials(const Context& ctx, const AwsPlaces& places, const AwsClients& clients);

/// A role to be taken on at the token service.
struct AwsRole {
  std::string arn;
  std::string session_name;
  std::string external_id;
  std::string region;
};
/// With a token of the file, read anew each time.
Result<S3Credentials> assume_role_with_token(const Context& ctx, const AwsPlaces& places, const AwsClients& clients,
                                             const AwsRole& role, const std::string& token_file);
/// With other credentials.
Result<S3Credentials> assume_role(const Context& ctx, const AwsPlaces& places, const AwsClients& clients,
                                  const AwsRole& role, const S3Credentials& as);

}  // namespace drkit::storage::s3
