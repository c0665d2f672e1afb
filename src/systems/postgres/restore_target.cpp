#include <sys/stat.h>

#include <filesystem>
#include <mutex>

#include <drkit/postgres.hpp>

#include "systems/postgres/live_server.hpp"
#include "systems/postgres/paths.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolder = "pg_tblspc/";

// From it a starting server makes the links of tablespaces anew, to where the original has them: the copy would work in
// the original's files. The links are restored themselves.
constexpr std::string_view kTablespaceMap = "tablespace_map";

class NoSink final : public Sink {
 public:
  Result<void> write_at(const Context&, std::uint64_t, ByteView) override { return {}; }
  Result<void> close(const Context&) override { return {}; }
};

// The oid and what follows it when a path is inside of a tablespace ("" is the tablespace itself).
struct TablespacePath {
  std::string oid;
  std::string inner;
};

std::optional<TablespacePath> split(std::string_view path) {
  if (!path.starts_with(kFolder)) return std::nullopt;
  path.remove_prefix(kFolder.size());
  const std::size_t slash = path.find('/');
  const std::string_view oid = path.substr(0, slash);
  if (oid.empty() || oid.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return TablespacePath{std::string(oid), slash == std::string_view::npos ? "" : std::string(path.substr(slash + 1))};
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_normal().lexically_relative(folder.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

// Routes the content of tablespaces to targets of their own. A tablespace's link comes before its content: snapshots
// are in path order.
class PostgresTarget final : public RestoreTarget {
 public:
  PostgresTarget(MakeRestoreTarget make, std::string root, PostgresRestoreOptions options,
                 std::unique_ptr<RestoreTarget> main)
      : make_(std::move(make)), root_(std::move(root)), options_(std::move(options)), main_(std::move(main)) {}

  TargetInfo info() const override {
    TargetInfo info = main_->info();
    info.kind = "postgres";
    return info;
  }
  Result<void> begin(const Context& ctx, const RestoreSettings& settings) override {
    DRKIT_TRY(refuse_running_server(root_));
    settings_ = settings;
    settings_.top_names.reset();  // those of the data directory say nothing of tablespaces
    return main_->begin(ctx, settings);
  }
  Result<void> make(const Context& ctx, const Entry& entry) override;
  Result<std::unique_ptr<Sink>> open(const Context& ctx, const Entry& entry) override;
  Result<void> keep(const Context& ctx, const Entry& entry) override;
  /// Of the data directory; tablespaces are not looked into.
  Result<Removals> plan_removals(const Context& ctx, const RestoreSettings& settings, const EntryFeed& feed) override {
    return main_->plan_removals(ctx, settings, feed);
  }
  Result<void> finish(const Context& ctx) override;

 private:
  Result<void> make_tablespace(const Context& ctx, const Entry& link, const std::string& oid);
  Result<std::string> location_of(const Entry& link, const std::string& oid) const;
  Result<void> check_delta_place(const std::string& location, const std::string& oid) const;
  RestoreTarget* target_of(const std::string& oid);

  MakeRestoreTarget make_;
  std::string root_;
  PostgresRestoreOptions options_;
  RestoreSettings settings_;
  std::unique_ptr<RestoreTarget> main_;
  std::mutex mutex_;  ///< guards spaces_: open runs concurrently with itself
  std::map<std::string, std::unique_ptr<RestoreTarget>> spaces_;
  std::vector<std::string> locations_;
};

Result<void> PostgresTarget::make(const Context& ctx, const Entry& entry) {
  const auto place = split(entry.path);
  if (!place) return main_->make(ctx, entry);
  if (place->inner.empty() && entry.type == EntryType::symlink) return make_tablespace(ctx, entry, place->oid);
  RestoreTarget* target = target_of(place->oid);
  if (target == nullptr) return main_->make(ctx, entry);
  Entry inner = entry;
  inner.path = place->inner;
  // A hard link names its first name from the tree's root.
  if (entry.type == EntryType::hardlink) {
    const auto first = split(entry.link_target);
    if (!first || first->oid != place->oid) {
      return Error(ErrorCode::unsupported, "a hard link leads out of its tablespace").with("path", entry.path);
    }
    inner.link_target = first->inner;
  }
  return target->make(ctx, inner);
}

Result<std::unique_ptr<Sink>> PostgresTarget::open(const Context& ctx, const Entry& entry) {
  if (entry.path == kTablespaceMap) return std::unique_ptr<Sink>(std::make_unique<NoSink>());
  const auto place = split(entry.path);
  RestoreTarget* target = place ? target_of(place->oid) : nullptr;
  if (target == nullptr) return main_->open(ctx, entry);
  Entry inner = entry;
  inner.path = place->inner;
  return target->open(ctx, inner);
}

Result<void> PostgresTarget::keep(const Context& ctx, const Entry& entry) {
  const auto place = split(entry.path);
  RestoreTarget* target = place ? target_of(place->oid) : nullptr;
  if (target == nullptr) return main_->keep(ctx, entry);
  Entry inner = entry;
  inner.path = place->inner;
  return target->keep(ctx, inner);
}

Result<void> PostgresTarget::make_tablespace(const Context& ctx, const Entry& link, const std::string& oid) {
  DRKIT_ASSIGN(const std::string location, location_of(link, oid));
  {
    const std::lock_guard lock(mutex_);
    if (spaces_.contains(oid)) return Error(ErrorCode::corrupt, "a tablespace comes twice").with("oid", oid);
    for (const std::string& taken : locations_) {
      if (is_inside(location, taken) || is_inside(taken, location)) {
        return Error(ErrorCode::invalid_argument, "two tablespaces would share a folder")
            .with("oid", oid)
            .with("location", location);
      }
    }
    locations_.push_back(location);
  }
  DRKIT_TRY(check_delta_place(location, oid));
  DRKIT_ASSIGN(auto target, make_(location));
  DRKIT_TRY(target->begin(ctx, settings_));
  // The folder itself has the attributes that the server wants and no entry of its own in a backup.
  Entry folder;
  folder.type = EntryType::directory;
  folder.mode = 0700;
  folder.uid = link.uid;
  folder.gid = link.gid;
  folder.mtime_ns = link.mtime_ns;
  DRKIT_TRY(target->make(ctx, folder));
  Entry moved = link;
  moved.link_target = location;
  DRKIT_TRY(main_->make(ctx, moved));
  const std::lock_guard lock(mutex_);
  spaces_.emplace(oid, std::move(target));
  return {};
}

Result<std::string> PostgresTarget::location_of(const Entry& link, const std::string& oid) const {
  std::string location = link.link_target;
  const auto by_oid = options_.tablespaces.find(oid), by_place = options_.tablespaces.find(location);
  if (by_oid != options_.tablespaces.end()) {
    location = by_oid->second;
  } else if (by_place != options_.tablespaces.end()) {
    location = by_place->second;
  } else if (options_.all_tablespaces_under) {
    location = (fs::path(*options_.all_tablespaces_under) / oid).string();
  }
  if (!fs::path(location).is_absolute()) {
    return Error(ErrorCode::invalid_argument, "the location of a tablespace is not an absolute path")
        .with("oid", oid)
        .with("location", location);
  }
  if (is_inside(location, fs::absolute(root_))) {
    return Error(ErrorCode::invalid_argument, "the location of a tablespace is inside of the data directory")
        .with("oid", oid)
        .with("location", location);
  }
  return location;
}

// A delta restore writes over what it finds. What it finds in a tablespace is this data directory's own only when its
// link says so; otherwise it may be that of a live cluster, which leaves no sign of its process there.
Result<void> PostgresTarget::check_delta_place(const std::string& location, const std::string& oid) const {
  std::error_code error;
  if (!settings_.delta || !fs::exists(location, error) || fs::is_empty(location, error)) return {};
  const fs::path link = fs::read_symlink(fs::path(root_) / kFolder / oid, error);
  if (!error && link == fs::path(location)) return {};
  return Error(ErrorCode::precondition_failed,
               "the location of a tablespace holds files that are not this data directory's")
      .with("oid", oid)
      .with("location", location);
}

RestoreTarget* PostgresTarget::target_of(const std::string& oid) {
  const std::lock_guard lock(mutex_);
  const auto found = spaces_.find(oid);
  return found == spaces_.end() ? nullptr : found->second.get();
}

Result<void> PostgresTarget::finish(const Context& ctx) {
  for (auto& [oid, target] : spaces_) {
    if (auto done = target->finish(ctx); !done.ok()) return std::move(done).error().with("tablespace", oid);
  }
  return main_->finish(ctx);
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<std::unique_ptr<RestoreTarget>> make_postgres_target(MakeRestoreTarget make, std::string root,
                                                            PostgresRestoreOptions options) {
  using namespace systems::postgres;
  for (const auto& [from, to] : options.tablespaces) {
    if (!std::filesystem::path(to).is_absolute()) {
      return Error(ErrorCode::invalid_argument, "the new location of a tablespace is not an absolute path")
          .with("tablespace", from)
          .with("location", to);
    }
  }
  DRKIT_ASSIGN(auto main, make(root));
  return std::unique_ptr<RestoreTarget>(
      std::make_unique<PostgresTarget>(std::move(make), std::move(root), std::move(options), std::move(main)));
}

}  // namespace drkit
