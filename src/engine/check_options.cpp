#include "engine/check_options.hpp"

#include <algorithm>

#include "engine/finding_list.hpp"

namespace drkit::engine {
namespace {

Error without_use(const char* option, std::string why) {
  return Error(ErrorCode::invalid_argument, std::move(why)).with("option", option);
}

}  // namespace

Result<void> require_options(const CheckOptions& options, bool one_snapshot) {
  DRKIT_TRY(require_sample(options.sample_percent));
  if (options.sample_percent < 100 && one_snapshot && options.level >= CheckLevel::files) {
    return without_use("sample_percent", "from the level files on the files of a snapshot are read whole: no sample");
  }
  if (options.level == CheckLevel::boot) return {};
  const std::string level = "the level " + std::string(check_level_name(options.level)) + " starts no server: ";
  if (!options.sql.empty()) return without_use("sql", level + "statements need the level boot");
  if (!options.server_bin_directory.empty()) {
    return without_use("server_bin_directory", level + "its programs are for the level boot");
  }
  if (options.scratch_parent != CheckOptions().scratch_parent) {
    return without_use("scratch_parent", level + "a scratch directory is for the level boot");
  }
  return {};
}

CheckLevel reachable_level(const Snapshot& snapshot, const std::vector<std::unique_ptr<Check>>& checks,
                           CheckLevel asked) {
  if (asked == CheckLevel::objects) return asked;
  CheckLevel highest = CheckLevel::chunks;
  for (const auto& check : checks) {
    const CheckLevel level = check->info().level;
    if (level > highest && level <= asked && check->applies_to(snapshot)) highest = level;
  }
  return highest;
}

Result<void> require_reachable(const std::vector<Snapshot>& snapshots,
                               const std::vector<std::unique_ptr<Check>>& checks, CheckLevel asked, bool one) {
  CheckLevel highest = CheckLevel::objects;
  for (const Snapshot& snapshot : snapshots) highest = std::max(highest, reachable_level(snapshot, checks, asked));
  if (snapshots.empty() || highest >= asked) return {};
  const std::string what = one ? "this snapshot" : "the snapshots here";
  const Error error(ErrorCode::invalid_argument,
                    asked == CheckLevel::boot ? "nothing of " + what + " can be started: it is no database cluster"
                                              : "no check of this level applies to " + what);
  return Error(error)
      .with("level", std::string(check_level_name(asked)))
      .with("highest", std::string(check_level_name(highest)))
      .with(one ? "snapshot" : "snapshots", one ? snapshots.front().id : std::to_string(snapshots.size()));
}

}  // namespace drkit::engine
