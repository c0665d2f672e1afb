// From an Entry to the attributes of a file that was made.
#pragma once

#include <sys/stat.h>

#include <string>

#include <drkit/context.hpp>
#include <drkit/entry.hpp>

namespace drkit::systems::filesystem {

struct AttributePolicy {
  bool owners = false;            ///< set uid and gid
  bool privileged = false;        ///< set security.* and trusted.*
  bool skip_unsupported = false;  ///< log an attribute that cannot be set, instead of failing
  bool replace = false;           ///< the file may have attributes already: remove foreign ones, leave equal ones alone
};

/// Owner, extended attributes, mode and time of an open file or directory, in the order in which none undoes another.
/// Thread-safety: any thread.
Result<void> apply_to_fd(const Context& ctx, const AttributePolicy& policy, int fd, const Entry& entry);

/// Whether apply_to_fd would change nothing.
Result<bool> has_attributes(const AttributePolicy& policy, int fd, const Entry& entry);

/// As apply_to_fd, of a symlink, fifo, socket or device, named in a directory.
Result<void> apply_at(const Context& ctx, const AttributePolicy& policy, int directory_fd, const std::string& name,
                      const Entry& entry);

}  // namespace drkit::systems::filesystem
