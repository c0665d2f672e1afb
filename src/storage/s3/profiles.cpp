#include "storage/s3/profiles.hpp"

#include <algorithm>

#include "storage/s3/digest.hpp"

namespace drkit::storage::s3 {
namespace {

constexpr std::string_view kSpace = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kSpace);
  return start == std::string_view::npos ? "" : text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// The profile that a section's heading opens; nothing for sections of another kind.
std::optional<std::string> profile_name(std::string_view heading, ProfileFile kind) {
  constexpr std::string_view kWord = "profile";
  if (kind == ProfileFile::config) {
    if (heading == "default") return std::string(heading);
    if (!heading.starts_with(kWord) || heading.size() == kWord.size() ||
        kSpace.find(heading[kWord.size()]) == std::string_view::npos) {
      return std::nullopt;
    }
    heading = trimmed(heading.substr(kWord.size()));
  }
  const bool quoted = heading.size() > 1 && heading.front() == '"' && heading.back() == '"';
  return std::string(quoted ? heading.substr(1, heading.size() - 2) : heading);
}

Error bad_line(std::size_t number) {
  return Error(ErrorCode::invalid_argument, "malformed line in a shared file of AWS")
      .with("line", std::to_string(number));
}

class Reader {
 public:
  explicit Reader(ProfileFile kind) : kind_(kind) {}

  Result<void> line(std::string_view line, std::size_t number) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') return {};
    if (text.front() == '[') return heading(text, number);
    // Indented lines belong to a nested value, such as `s3 =`.
    if (kSpace.find(line.front()) != std::string_view::npos) return {};
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || trimmed(text.substr(0, equals)).empty() || !started_) {
      return bad_line(number);
    }
    if (name_)
      profiles_[*name_].set(lower(trimmed(text.substr(0, equals))), std::string(trimmed(text.substr(equals + 1))));
    return {};
  }

  Profiles take() { return std::move(profiles_); }

 private:
  Result<void> heading(std::string_view text, std::size_t number) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad_line(number);
    name_ = profile_name(trimmed(text.substr(1, end - 1)), kind_);
    started_ = true;
    if (name_) profiles_[*name_];
    return {};
  }

  ProfileFile kind_;
  bool started_ = false;
  std::optional<std::string> name_;
  Profiles profiles_;
};

}  // namespace

Profile::~Profile() {
  for (auto& [key, value] : values_) wipe(value);
}

const std::string& Profile::get(const std::string& key) const {
  static const std::string kNone;
  const auto found = values_.find(key);
  return found == values_.end() ? kNone : found->second;
}

void Profile::set(std::string key, std::string value) { values_[std::move(key)] = std::move(value); }

void Profile::merge(const Profile& over) {
  for (const auto& [key, value] : over.values_) values_[key] = value;
}

Result<Profiles> parse_profiles(std::string_view text, ProfileFile kind) {
  Reader reader(kind);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) DRKIT_TRY(reader.line(text.substr(0, end), number));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reader.take();
}

}  // namespace drkit::storage::s3
