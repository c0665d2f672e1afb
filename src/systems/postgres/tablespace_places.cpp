#include "systems/postgres/tablespace_places.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_normal().lexically_relative(folder.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

Error misplaced(std::string message, const std::string& oid, const std::string& place,
                ErrorCode code = ErrorCode::invalid_argument) {
  return Error(code, std::move(message)).with("oid", oid).with("location", place);
}

// The account's own group and the further ones.
std::vector<gid_t> groups_of(uid_t uid, gid_t gid) {
  constexpr int kMost = 1024;
  std::vector<gid_t> groups{gid};
  passwd account{};
  passwd* found = nullptr;
  std::vector<char> text(16 * 1024);
  if (::getpwuid_r(uid, &account, text.data(), text.size(), &found) != 0 || found == nullptr) return groups;
  int count = kMost;
  groups.resize(kMost);
  if (::getgrouplist(account.pw_name, gid, groups.data(), &count) < 0) return {gid};
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

bool may_pass(const struct stat& status, uid_t uid, const std::vector<gid_t>& groups) {
  if (status.st_uid == uid) return (status.st_mode & S_IXUSR) != 0;
  const bool member = std::find(groups.begin(), groups.end(), status.st_gid) != groups.end();
  return (status.st_mode & (member ? S_IXGRP : S_IXOTH)) != 0;
}

}  // namespace

std::map<std::string, std::string> tablespaces_of(const std::map<std::string, std::string>& receipt) {
  std::map<std::string, std::string> known;
  const auto found = receipt.find(kTablespacesOfReceipt);
  std::istringstream lines(found == receipt.end() ? std::string() : found->second);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t sign = line.find('=');
    if (sign != std::string::npos) known.emplace(line.substr(0, sign), line.substr(sign + 1));
  }
  return known;
}

Result<void> check_mappings(const PostgresRestoreOptions& options, const std::map<std::string, std::string>& known) {
  std::string list;
  for (const auto& [oid, location] : known) list += (list.empty() ? "" : ", ") + oid + "=" + location;
  for (const auto& [from, to] : options.tablespaces) {
    const auto is_meant = [&from = from](const auto& one) { return one.first == from || one.second == from; };
    if (std::any_of(known.begin(), known.end(), is_meant)) continue;
    return Error(ErrorCode::not_found, "the snapshot has no tablespace with this oid or location")
        .with("tablespace", from)
        .with("known", list.empty() ? "none" : list);
  }
  return {};
}

Result<std::string> tablespace_place(const PostgresRestoreOptions& options, const std::string& root,
                                     const std::string& oid, const std::string& old_location) {
  std::string place = old_location;
  const auto by_oid = options.tablespaces.find(oid), by_place = options.tablespaces.find(old_location);
  if (by_oid != options.tablespaces.end()) {
    place = by_oid->second;
  } else if (by_place != options.tablespaces.end()) {
    place = by_place->second;
  } else if (options.all_tablespaces_under) {
    place = (fs::path(*options.all_tablespaces_under) / oid).string();
  }
  if (!fs::path(place).is_absolute()) {
    return misplaced("the location of a tablespace is not an absolute path", oid, place);
  }
  if (is_inside(place, fs::absolute(root))) {
    return misplaced("the location of a tablespace is inside of the data directory", oid, place);
  }
  return place;
}

Result<void> refuse_shared(const std::string& place, const std::string& other, const std::string& oid) {
  if (!is_inside(place, other) && !is_inside(other, place)) return {};
  return misplaced("two tablespaces would share a folder", oid, place);
}

Result<void> check_place_is_free(const std::string& oid, const std::string& place) {
  std::error_code error;
  if (!fs::exists(place, error) || fs::is_empty(place, error)) return {};
  return misplaced("the location of a tablespace is not empty; it can be given another one", oid, place,
                   ErrorCode::precondition_failed);
}

Result<void> check_place_is_ours(const std::string& root, const std::string& oid, const std::string& place) {
  std::error_code error;
  if (!fs::exists(place, error) || fs::is_empty(place, error)) return {};
  const fs::path link = fs::read_symlink(fs::path(root) / "pg_tblspc" / oid, error);
  if (!error && link == fs::path(place)) return {};
  return misplaced("the location of a tablespace holds files that are not this data directory's", oid, place,
                   ErrorCode::precondition_failed);
}

std::optional<std::string> closed_folder_above(const std::string& path, uid_t uid, gid_t gid) {
  if (uid == 0) return std::nullopt;
  const std::vector<gid_t> groups = groups_of(uid, gid);
  std::error_code error;
  const fs::path whole = fs::canonical(path, error);
  fs::path folder;
  for (const fs::path& part : error ? fs::path() : whole.parent_path()) {
    folder /= part;
    struct stat status;
    if (::stat(folder.c_str(), &status) == 0 && !may_pass(status, uid, groups)) return folder.string();
  }
  return std::nullopt;
}

}  // namespace drkit::systems::postgres
