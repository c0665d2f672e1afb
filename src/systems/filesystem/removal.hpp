// Removing what is in the way of a delta restore, or not in its snapshot.
#pragma once

#include <string>

#include <drkit/context.hpp>

#include "systems/filesystem/path_set.hpp"

namespace drkit::systems::filesystem {

/// Removes a file, or a directory with all below it; absent is success. Symlinks are removed, never followed; a mounted
/// file system is not entered: precondition_failed.
Result<void> remove_tree(const Context& ctx, int directory_fd, const std::string& name, const std::string& path);

/// Removes everything below the root whose path is not in `known`, except the marker of the restore. What is in `kept`
/// stays together with all below it.
Result<void> remove_unknown(const Context& ctx, int root_fd, const PathSet& known, const PathSet& kept);

}  // namespace drkit::systems::filesystem
