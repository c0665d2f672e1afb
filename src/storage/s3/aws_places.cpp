// Where the environment and the shared files point.
#include <cstdlib>

#include "base/text_file.hpp"
#include "storage/s3/aws.hpp"
#include "storage/s3/digest.hpp"

namespace drkit::storage::s3 {
namespace {

std::string file_path(const AwsPlaces& places, const char* name, const char* in_home) {
  std::string path = variable(places, name);
  const std::string home = variable(places, "HOME");
  if (path.starts_with("~/") && !home.empty()) path = home + path.substr(1);
  if (path.empty() && !home.empty()) path = home + in_home;
  return path;
}

Result<Profiles> read_profiles(const std::string& path, ProfileFile kind) {
  if (path.empty()) return Profiles();
  DRKIT_ASSIGN(std::optional<std::string> text, base::read_text_file(path));
  if (!text) return Profiles();
  auto profiles = parse_profiles(*text, kind);
  wipe(*text);
  if (!profiles) return std::move(profiles).error().with("path", path);
  return profiles;
}

// Both files; what the credentials file says wins.
Result<Profiles> all_profiles(const AwsPlaces& places) {
  DRKIT_ASSIGN(Profiles profiles,
               read_profiles(file_path(places, "AWS_CONFIG_FILE", "/.aws/config"), ProfileFile::config));
  DRKIT_ASSIGN(const Profiles over, read_profiles(file_path(places, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"),
                                                  ProfileFile::credentials));
  for (const auto& [name, profile] : over) profiles[name].merge(profile);
  return profiles;
}

std::string asked_profile(const AwsPlaces& places) {
  for (const std::string& name :
       {places.profile, variable(places, "AWS_PROFILE"), variable(places, "AWS_DEFAULT_PROFILE")}) {
    if (!name.empty()) return name;
  }
  return {};
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return {};
}

std::string setting(const Profile* profile, const char* key) {
  return profile == nullptr ? std::string() : profile->get(key);
}

}  // namespace

std::string variable(const AwsPlaces& places, const std::string& name) {
  return places.environment ? places.environment(name).value_or("") : std::string();
}

Result<Profile> named_profile(const AwsPlaces& places, const std::string& name) {
  DRKIT_ASSIGN(Profiles profiles, all_profiles(places));
  const auto found = profiles.find(name);
  if (found == profiles.end()) {
    return Error(ErrorCode::invalid_argument, "no such profile in the shared files of AWS").with("profile", name);
  }
  return std::move(found->second);
}

Result<std::optional<Profile>> chosen_profile(const AwsPlaces& places) {
  const std::string name = asked_profile(places);
  if (!name.empty()) {
    DRKIT_ASSIGN(Profile profile, named_profile(places, name));
    return std::optional(std::move(profile));
  }
  DRKIT_ASSIGN(Profiles profiles, all_profiles(places));
  const auto found = profiles.find("default");
  return found == profiles.end() ? std::optional<Profile>() : std::optional(std::move(found->second));
}

std::string aws_region(const AwsPlaces& places, const Profile* profile) {
  return first_of({variable(places, "AWS_REGION"), variable(places, "AWS_DEFAULT_REGION"), setting(profile, "region")});
}

}  // namespace drkit::storage::s3

namespace drkit {

AwsPlaces aws_places_from_environment() {
  AwsPlaces places;
  places.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return places;
}

Result<AwsSettings> aws_settings(const AwsPlaces& places) {
  using namespace storage::s3;
  DRKIT_ASSIGN(const std::optional<Profile> profile, chosen_profile(places));
  const Profile* const found = profile ? &*profile : nullptr;
  AwsSettings settings;
  settings.region = aws_region(places, found);
  settings.endpoint = first_of(
      {variable(places, "AWS_ENDPOINT_URL_S3"), variable(places, "AWS_ENDPOINT_URL"), setting(found, "endpoint_url")});
  settings.ca_file = first_of({variable(places, "AWS_CA_BUNDLE"), setting(found, "ca_bundle")});
  return settings;
}

}  // namespace drkit
