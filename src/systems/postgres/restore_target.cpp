#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <set>

#include <drkit/postgres.hpp>

#include "systems/postgres/live_server.hpp"
#include "systems/postgres/paths.hpp"
#include "systems/postgres/tablespace_places.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolder = "pg_tblspc/";

// From it a starting server makes the links of tablespaces anew, to where the original has them: the copy would work in
// the original's files. The links are restored themselves.
constexpr std::string_view kTablespaceMap = "tablespace_map";

// With it a server follows the primary that primary_conninfo names, and takes no changes of its own.
constexpr std::string_view kStandbySignal = "standby.signal";

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
    DRKIT_TRY(check_known_places());
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
  Result<void> check_known_places() const;
  void warn_of_closed_folders(const Context& ctx) const;
  bool leaves_out(const Context& ctx, const Entry& entry);
  RestoreTarget* target_of(const std::string& oid);

  MakeRestoreTarget make_;
  std::string root_;
  PostgresRestoreOptions options_;
  RestoreSettings settings_;
  std::unique_ptr<RestoreTarget> main_;
  std::mutex mutex_;  ///< guards spaces_: open runs concurrently with itself
  std::map<std::string, std::unique_ptr<RestoreTarget>> spaces_;
  std::vector<std::string> locations_;
  std::optional<std::pair<uid_t, gid_t>> owner_;  ///< of the data directory
};

Result<void> PostgresTarget::make(const Context& ctx, const Entry& entry) {
  const auto place = split(entry.path);
  if (entry.path.empty()) owner_ = {entry.uid, entry.gid};
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

bool PostgresTarget::leaves_out(const Context& ctx, const Entry& entry) {
  if (entry.path == kTablespaceMap) return true;
  if (entry.path != kStandbySignal || options_.keep_standby) return false;
  ctx.write_log(LogLevel::warning,
                "the snapshot is of a standby; standby.signal is left out, so that the restored server does not follow "
                "the old primary (keep_standby, --standby: it does)");
  return true;
}

Result<std::unique_ptr<Sink>> PostgresTarget::open(const Context& ctx, const Entry& entry) {
  if (leaves_out(ctx, entry)) return std::unique_ptr<Sink>(std::make_unique<NoSink>());
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
  DRKIT_ASSIGN(const std::string location, tablespace_place(options_, root_, oid, link.link_target));
  {
    const std::lock_guard lock(mutex_);
    if (spaces_.contains(oid)) return Error(ErrorCode::corrupt, "a tablespace comes twice").with("oid", oid);
    for (const std::string& taken : locations_) {
      DRKIT_TRY(refuse_shared(location, taken, oid));
    }
    locations_.push_back(location);
  }
  if (settings_.delta) DRKIT_TRY(check_place_is_ours(root_, oid, location));
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

RestoreTarget* PostgresTarget::target_of(const std::string& oid) {
  const std::lock_guard lock(mutex_);
  const auto found = spaces_.find(oid);
  return found == spaces_.end() ? nullptr : found->second.get();
}

Result<void> PostgresTarget::finish(const Context& ctx) {
  for (auto& [oid, target] : spaces_) {
    if (auto done = target->finish(ctx); !done.ok()) return std::move(done).error().with("tablespace", oid);
  }
  DRKIT_TRY(main_->finish(ctx));
  warn_of_closed_folders(ctx);
  return {};
}

// Before anything is written: a mapping that fits nothing, and places that are taken.
Result<void> PostgresTarget::check_known_places() const {
  if (!options_.receipt.contains(kTablespacesOfReceipt)) return {};
  const auto known = tablespaces_of(options_.receipt);
  DRKIT_TRY(check_mappings(options_, known));
  // Who restores a part of it may leave the tablespaces alone.
  if (!settings_.remove_unknown) return {};
  std::vector<std::string> places;
  for (const auto& [oid, location] : known) {
    if (!fs::path(location).is_absolute()) continue;  // a folder in the data directory
    DRKIT_ASSIGN(const std::string place, tablespace_place(options_, root_, oid, location));
    for (const std::string& taken : places) DRKIT_TRY(refuse_shared(place, taken, oid));
    DRKIT_TRY(settings_.delta ? check_place_is_ours(root_, oid, place) : check_place_is_free(oid, place));
    places.push_back(place);
  }
  return {};
}

// Root sees every folder, the server's account may not.
void PostgresTarget::warn_of_closed_folders(const Context& ctx) const {
  if (!owner_ || !settings_.owners || ::geteuid() != 0) return;
  std::vector<std::string> places = locations_;
  places.push_back(root_);
  std::set<std::string> told;
  for (const std::string& place : places) {
    const auto closed = closed_folder_above(place, owner_->first, owner_->second);
    if (!closed || !told.insert(*closed).second) continue;
    ctx.write_log(LogLevel::warning, "the owner of the cluster (uid " + std::to_string(owner_->first) +
                                         ") cannot go through the folder " + *closed + ", so its server cannot reach " +
                                         place);
  }
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
