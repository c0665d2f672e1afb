// The shared files of AWS: sections of keys and values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::storage::s3 {

/// One section. Its values are wiped when it goes, since some are secret.
class Profile {
 public:
  Profile() = default;
  Profile(const Profile&) = default;
  Profile(Profile&&) = default;
  Profile& operator=(const Profile&) = default;
  Profile& operator=(Profile&&) = default;
  ~Profile();

  /// "" when it is not there.
  const std::string& get(const std::string& key) const;
  bool has(const std::string& key) const { return !get(key).empty(); }
  void set(std::string key, std::string value);
  /// Values of `over` win.
  void merge(const Profile& over);

 private:
  std::map<std::string, std::string> values_;
};

using Profiles = std::map<std::string, Profile>;

enum class ProfileFile { config, credentials };

/// Sections by the profile's name: `[profile NAME]` and `[default]` in a config file, `[NAME]` in a credentials file.
/// Other sections and indented values are passed over. Errors: invalid_argument with the line's number, never its text.
Result<Profiles> parse_profiles(std::string_view text, ProfileFile kind);

}  // namespace drkit::storage::s3
