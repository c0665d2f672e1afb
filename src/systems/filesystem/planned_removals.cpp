// What a delta restore would remove, found out without touching anything.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "systems/filesystem/directory_names.hpp"
#include "systems/filesystem/target.hpp"
#include "systems/filesystem/tree_walk.hpp"

namespace drkit::systems::filesystem {
namespace {

constexpr std::size_t kListed = 20;

}  // namespace

// The wrong snapshot, or the wrong place: everything there would be removed.
Result<void> FilesystemTarget::check_related(int root_fd, const std::vector<std::string>& top_names) const {
  DirectoryNames names;
  const int failed = names.read(root_fd);
  if (failed != 0) return errno_error(failed, "list the target", root_);
  std::string foreign;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == kIncompleteMarker) return {};
    if (std::find(top_names.begin(), top_names.end(), names[i]) != top_names.end()) return {};
    if (foreign.empty() && names[i] != "lost+found") foreign = names[i];
  }
  if (foreign.empty()) return {};
  return Error(ErrorCode::precondition_failed,
               "nothing in the target is in the snapshot: a delta restore would remove all of it")
      .with("path", printable(root_))
      .with("found", printable(foreign));
}

Result<Removals> FilesystemTarget::plan_removals(const Context& ctx, const RestoreSettings& settings,
                                                 const EntryFeed& feed) {
  Removals removals;
  if (!settings.delta || !settings.remove_unknown) return removals;
  const UniqueFd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root && errno == ENOENT) return removals;
  if (!root) return errno_error(errno, "open the target", root_);
  if (settings.top_names) DRKIT_TRY(check_related(root.get(), *settings.top_names));
  PathSet known, kept;
  DRKIT_TRY(feed([&](const Entry& entry) -> Result<void> {
    known.insert(entry.path);
    if (entry.problem) kept.insert(entry.path);
    return {};
  }));
  if (kept.contains("")) return removals;
  TreeWalk walk({.one_file_system = true, .xattrs = false}, {});
  DRKIT_TRY(walk.open_root(root_));
  std::string below;  // a kept directory, and a slash
  while (true) {
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_ASSIGN(const std::unique_ptr<Stream> found, walk.next(ctx));
    if (!found) return removals;
    const std::string& path = found->entry().path;
    if (path.empty() || path == kIncompleteMarker || (!below.empty() && path.starts_with(below))) continue;
    if (kept.contains(path)) below = path + '/';
    if (known.contains(path)) continue;
    ++removals.entries;
    if (removals.first.size() < kListed) removals.first.push_back(path);
  }
}

}  // namespace drkit::systems::filesystem
