// A directory tree as the place of a restore.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <drkit/sources.hpp>

#include "systems/filesystem/apply_attributes.hpp"
#include "systems/filesystem/directory_cache.hpp"
#include "systems/filesystem/file_sink.hpp"
#include "systems/filesystem/path_set.hpp"
#include "systems/filesystem/restore_journal.hpp"
#include "systems/filesystem/write_behind.hpp"

namespace drkit::systems::filesystem {

/// See make_filesystem_target.
class FilesystemTarget final : public RestoreTarget {
 public:
  FilesystemTarget(std::string root, FilesystemTargetOptions options)
      : root_(std::move(root)), options_(std::move(options)) {}

  TargetInfo info() const override;
  Result<void> begin(const Context& ctx, const RestoreSettings& settings) override;
  Result<void> make(const Context& ctx, const Entry& entry) override;
  Result<std::unique_ptr<Sink>> open(const Context& ctx, const Entry& entry) override;
  Result<void> keep(const Context& ctx, const Entry& entry) override;
  Result<Removals> plan_removals(const Context& ctx, const RestoreSettings& settings, const EntryFeed& feed) override;
  Result<void> finish(const Context& ctx) override;

 private:
  Result<void> check_empty();
  Result<void> check_related(int root_fd, const std::vector<std::string>& top_names) const;
  bool take_shared(const struct stat& status);
  Result<void> make_marker();
  Result<void> drop_default_acl(int fd, std::string_view path);
  Result<void> admit(const Entry& entry);
  Result<bool> clear_place(const Context& ctx, int directory, const std::string& name, const Entry& entry, mode_t type,
                           struct stat& status);
  Result<void> make_directory(const Context& ctx, int directory, const std::string& name, const Entry& entry);
  Result<void> take_over_directory(int directory, const std::string& name, const Entry& entry,
                                   const struct stat& status);
  Result<void> make_symlink(const Context& ctx, int directory, const std::string& name, const Entry& entry);
  Result<void> make_node(const Context& ctx, int directory, const std::string& name, const Entry& entry);
  Result<void> open_existing(const Context& ctx, const std::string& name, const Entry& entry, OpenedFile& file);
  Result<void> finish_directory(const Context& ctx, const Entry& entry);
  Result<void> finish_link(const Context& ctx, const Entry& entry);
  Result<void> finish_root(const Context& ctx);
  Result<void> remove_marker();

  std::string root_;
  FilesystemTargetOptions options_;
  SharedFd root_fd_;
  dev_t root_device_ = 0;
  bool delta_ = false;
  bool remove_unknown_ = false;
  AttributePolicy policy_;
  std::unique_ptr<DirectoryCache> directories_;
  RestoreJournal journal_;
  std::optional<Entry> root_entry_;
  PathSet seen_;
  PathSet kept_;    // these and all below them
  PathSet shared_;  // files with other names too, by device and number
  WriteBehind write_behind_;
  std::map<dev_t, UniqueFd> mounts_;  // file systems mounted below the root, to be synced
};

}  // namespace drkit::systems::filesystem
