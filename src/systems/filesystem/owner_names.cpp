#include "systems/filesystem/owner_names.hpp"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

namespace drkit::systems::filesystem {
namespace {

template <class Record, class Id, class Lookup>
std::string look_up(Id id, Lookup lookup, char* Record::*name) {
  std::vector<char> buffer(1024);
  while (true) {
    Record record{};
    Record* found = nullptr;
    const int failed = lookup(id, &record, buffer.data(), buffer.size(), &found);
    if (failed == ERANGE && buffer.size() < (std::size_t{1} << 20)) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    return found != nullptr ? std::string(found->*name) : std::string();
  }
}

}  // namespace

const std::string& OwnerNames::user(uid_t uid) {
  const auto found = users_.find(uid);
  if (found != users_.end()) return found->second;
  return users_.emplace(uid, look_up<passwd>(uid, ::getpwuid_r, &passwd::pw_name)).first->second;
}

const std::string& OwnerNames::group(gid_t gid) {
  const auto found = groups_.find(gid);
  if (found != groups_.end()) return found->second;
  return groups_.emplace(gid, look_up<struct group>(gid, ::getgrgid_r, &::group::gr_name)).first->second;
}

}  // namespace drkit::systems::filesystem
