// Names of users and groups, looked up once each.
#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_map>

namespace drkit::systems::filesystem {

/// Thread-safety: one thread at a time. An id without a name gives "".
class OwnerNames {
 public:
  const std::string& user(uid_t uid);
  const std::string& group(gid_t gid);

 private:
  std::unordered_map<uid_t, std::string> users_;
  std::unordered_map<gid_t, std::string> groups_;
};

}  // namespace drkit::systems::filesystem
