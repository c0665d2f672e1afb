#include "systems/postgres/data_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <unordered_set>

#include <drkit/spi/source.hpp>

namespace drkit::systems::postgres {
namespace {

constexpr std::string_view kTablespaces = "pg_tblspc";

struct DirCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirPtr = std::unique_ptr<DIR, DirCloser>;

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Whether relations lie directly in the folder: only there do names of forks mean something.
bool holds_relations(std::string_view folder) {
  if (folder == "global") return true;
  const std::size_t slash = folder.rfind('/');
  if (slash == std::string_view::npos || !is_digits(folder.substr(slash + 1))) return false;
  const std::string_view above = folder.substr(0, slash);
  return above == "base" || (above.starts_with("pg_tblspc/") && above.find("/PG_") != std::string_view::npos);
}

class Walk {
 public:
  Walk(const Context& ctx, int root, const std::string& version_folder)
      : ctx_(ctx), root_(root), version_folder_(version_folder) {}

  Result<FoundTree> run() {
    DRKIT_TRY(folder(""));
    std::sort(tree_.files.begin(), tree_.files.end(),
              [](const FoundFile& a, const FoundFile& b) { return entry_path_less(a.path, b.path); });
    return std::move(tree_);
  }

 private:
  Result<std::vector<std::string>> names_in(const std::string& path, bool& vanished) const {
    const int fd = ::openat(root_, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    vanished = fd < 0 && errno == ENOENT && !path.empty();
    if (vanished) return std::vector<std::string>();
    if (fd < 0) return base::errno_error(errno, "cannot open the folder", path);
    const DirPtr directory(::fdopendir(fd));
    if (directory == nullptr) {
      const int number = errno;
      ::close(fd);
      return base::errno_error(number, "cannot read the folder", path);
    }
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* item = ::readdir(directory.get());
      if (item == nullptr) break;
      const std::string_view name = item->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return base::errno_error(errno, "cannot read the folder", path);
    return names;
  }

  Result<void> folder(const std::string& path) {
    DRKIT_TRY(ctx_.check_cancelled());
    bool vanished = false;
    DRKIT_ASSIGN(const std::vector<std::string> names, names_in(path, vanished));
    if (vanished) return {};
    std::unordered_set<std::string_view> unlogged;
    const bool relations = holds_relations(path);
    for (const std::string& name : names) {
      bool is_init = false;
      const std::string_view number = relation_number(name, is_init);
      if (relations && is_init) unlogged.insert(number);
    }
    for (const std::string& name : names) {
      if (relations && is_dropped_relation(name, unlogged)) continue;
      DRKIT_TRY(item(path, name));
    }
    return {};
  }

  static bool is_dropped_relation(std::string_view name, const std::unordered_set<std::string_view>& unlogged) {
    bool is_init = false;
    const std::string_view number = relation_number(name, is_init);
    if (!number.empty()) return !is_init && unlogged.contains(number);
    return is_temporary_relation(name);
  }

  Result<void> item(const std::string& folder_path, const std::string& name) {
    std::string path = folder_path.empty() ? name : folder_path + "/" + name;
    if (is_excluded(path, name)) return {};
    struct stat status;
    if (::fstatat(root_, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? Result<void>() : base::errno_error(errno, "cannot look at the file", path);
    }
    const bool tablespace = folder_path == kTablespaces;
    if (S_ISLNK(status.st_mode) && tablespace) return tablespace_link(path);
    // The log may lie elsewhere; in a backup it is a folder.
    if (S_ISDIR(status.st_mode) || path == "pg_wal") return directory(std::move(path), tablespace);
    if (!S_ISREG(status.st_mode)) {
      ctx_.write_log(LogLevel::warning, path + ": left out, as the server does with files of this kind");
      return {};
    }
    tree_.bytes += static_cast<std::uint64_t>(status.st_size);
    tree_.files.push_back({std::move(path), EntryType::regular, {}});
    return {};
  }

  Result<void> directory(std::string path, bool tablespace) {
    tree_.files.push_back({path, EntryType::directory, {}});
    if (is_emptied_folder(path)) return {};
    return tablespace ? version(path) : folder(path);
  }

  Result<void> tablespace_link(const std::string& path) {
    std::array<char, 4096> target;
    const ssize_t size = ::readlinkat(root_, path.c_str(), target.data(), target.size());
    if (size < 0) return errno == ENOENT ? Result<void>() : base::errno_error(errno, "cannot read the link", path);
    tree_.files.push_back({path, EntryType::symlink, std::string(target.data(), static_cast<std::size_t>(size))});
    return version(path);
  }

  // Servers of other versions may share the place.
  Result<void> version(const std::string& path) { return item(path, version_folder_); }

  const Context& ctx_;
  const int root_;
  const std::string& version_folder_;
  FoundTree tree_;
};

}  // namespace

Result<FoundTree> find_cluster_files(const Context& ctx, int root, const std::string& version_folder) {
  return Walk(ctx, root, version_folder).run();
}

bool is_emptied_folder(std::string_view path) {
  constexpr std::array<std::string_view, 8> kEmptied{"pg_stat_tmp", "pg_replslot",  "pg_dynshmem", "pg_notify",
                                                     "pg_serial",   "pg_snapshots", "pg_subtrans", "pg_wal"};
  return std::find(kEmptied.begin(), kEmptied.end(), path) != kEmptied.end();
}

bool is_excluded(std::string_view path, std::string_view name) {
  if (name.starts_with("pgsql_tmp") || name.starts_with("pg_internal.init")) return true;
  constexpr std::array<std::string_view, 12> kFiles{
      "postmaster.pid",       "postmaster.opts", "postgresql.auto.conf.tmp", "current_logfiles",
      "current_logfiles.tmp", "backup_label",    "backup_label.old",         "tablespace_map",
      "tablespace_map.old",   "backup_manifest", "global/pg_control",        "backup_manifest.tmp"};
  return std::find(kFiles.begin(), kFiles.end(), path) != kFiles.end();
}

std::string_view relation_number(std::string_view name, bool& is_init) {
  is_init = false;
  const std::size_t end = name.find_first_not_of("0123456789");
  const std::string_view number = name.substr(0, end);
  if (number.empty() || end == std::string_view::npos) return number;
  std::string_view rest = name.substr(end);
  for (const std::string_view fork : {"_fsm", "_vm", "_init"}) {
    if (!rest.starts_with(fork)) continue;
    is_init = fork == "_init";
    rest.remove_prefix(fork.size());
    break;
  }
  if (rest.empty()) return number;
  const bool segment = rest.front() == '.' && is_digits(rest.substr(1));
  if (!segment) is_init = false;
  return segment ? number : std::string_view();
}

bool is_temporary_relation(std::string_view name) {
  if (!name.starts_with('t')) return false;
  const std::size_t underscore = name.find('_');
  if (underscore == std::string_view::npos || !is_digits(name.substr(1, underscore - 1))) return false;
  bool is_init = false;
  return !relation_number(name.substr(underscore + 1), is_init).empty();
}

}  // namespace drkit::systems::postgres
