// Runs the checks of a level: objects, then packs, then every snapshot's content once for all observers, then boots.
#include <drkit/check.hpp>

#include <stdlib.h>

#include <filesystem>

#include "engine/check_options.hpp"
#include "engine/content_walk.hpp"
#include "engine/finding_list.hpp"
#include "engine/selection.hpp"
#include "repo/layout.hpp"

namespace drkit {
namespace {

/// A check that observes, and what it is called.
struct Observation {
  std::string id;
  std::unique_ptr<ContentObserver> observer;
};

/// Makes a private directory and removes it with everything in it.
class Scratch {
 public:
  static Result<Scratch> make(const std::string& parent) {
    std::string name = parent + "/drkit-check-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      return Error(ErrorCode::io, "cannot make a scratch directory").with("path", parent);
    }
    return Scratch(std::move(name));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

class CheckRunner {
 public:
  CheckRunner(const Context& ctx, const Repository& repository, const std::vector<std::unique_ptr<Check>>& checks,
              const CheckOptions& options)
      : ctx_(ctx), repository_(repository), checks_(checks), options_(options), findings_(report_) {}

  Result<Report> run(const Snapshot* snapshot) {
    const auto began = ctx_.clock->steady();
    const auto& impl = repository_.impl();
    DRKIT_TRY(repo::require_known(impl->features.check, "checking it"));
    DRKIT_TRY(engine::require_options(options_, snapshot != nullptr));
    report_.repository_id = repository_.id();
    report_.storage = repository_.storage_info().name;
    report_.snapshot_id = snapshot != nullptr ? snapshot->id : "";
    report_.level = options_.level;
    report_.sample_percent = options_.sample_percent;
    report_.time_ns = ctx_.clock->wall_ns();
    std::vector<Snapshot> snapshots;
    if (snapshot != nullptr) {
      snapshots.push_back(*snapshot);
    } else {
      DRKIT_ASSIGN(snapshots, usable_snapshots());
    }
    DRKIT_TRY(engine::require_reachable(snapshots, checks_, options_.level, snapshot != nullptr));
    DRKIT_TRY(check_repository(snapshots, snapshot == nullptr));
    for (const Snapshot& one : snapshots) DRKIT_TRY(check_snapshot(one));
    report_.duration_ns = (ctx_.clock->steady() - began).count();
    return std::move(report_);
  }

 private:
  // One snapshot's check reads what it needs, and the index out of the storage though this machine may keep a copy;
  // the whole repository's reads everything there is.
  Result<void> check_repository(const std::vector<Snapshot>& snapshots, bool whole) {
    const auto& impl = repository_.impl();
    const bool all = whole || options_.level == CheckLevel::objects;
    DRKIT_TRY(keep(engine::run_copies_check(ctx_, *impl->storage, all ? "" : repo::kIndexPrefix,
                                            all ? options_.sample_percent : 100, impl->budget.threads, findings_)));
    DRKIT_TRY(engine::run_presence_check(ctx_, *impl->storage, findings_));
    if (all) {
      // Chunks that are opened are found missing by that.
      const bool walk = options_.level == CheckLevel::objects || options_.sample_percent < 100;
      const bool readable = repository_.role() == KeyRole::full;
      DRKIT_TRY(keep(engine::run_reference_check(ctx_, repository_,
                                                 walk && readable ? snapshots : std::vector<Snapshot>(), findings_)));
      if (!readable)
        report_.not_looked_at.push_back("what the snapshots need: this key may add backups and not read them");
    }
    if (!whole || options_.level < CheckLevel::chunks) return {};
    return keep(engine::run_pack_check(ctx_, impl, options_.sample_percent, findings_));
  }

  // Damaged ones are findings, and no reason not to look at the others.
  Result<std::vector<Snapshot>> usable_snapshots() {
    std::vector<DamagedSnapshot> damaged;
    auto loaded = repo::load_snapshots(ctx_, *repository_.impl(), &damaged);
    std::vector<Snapshot> values;
    if (!loaded) {
      if (loaded.error().code() != ErrorCode::corrupt) return std::move(loaded).error();
      findings_.add({Severity::damage, "snapshot_missing", "snapshots", loaded.error().to_string()});
      report_.not_looked_at.push_back("the snapshots: which of them there should be is not what there is");
      return values;
    }
    for (const DamagedSnapshot& snapshot : damaged) {
      findings_.add({Severity::damage, "snapshot_damaged", snapshot.id, snapshot.error.to_string()}, snapshot.id);
    }
    for (repo::LoadedSnapshot& snapshot : *loaded) values.push_back(std::move(snapshot.value));
    return values;
  }

  Result<void> keep(Result<CheckRun> run) {
    DRKIT_TRY(run);
    report_.runs.push_back(std::move(*run));
    return {};
  }

  CheckInput input_for(const Snapshot& snapshot, std::string scratch) const {
    return {repository_, snapshot, std::move(scratch), options_.sql, options_.server_bin_directory};
  }

  Result<void> check_snapshot(const Snapshot& snapshot) {
    current_ = snapshot.id;
    const CheckLevel level = engine::reachable_level(snapshot, checks_, options_.level);
    report_.snapshots.push_back({snapshot.id, level, snapshot.stats.problems});
    for (const Problem& problem : snapshot.problems) {
      sink()({Severity::warning, "entry_missing", problem.path, "the backup could not read it: " + problem.message});
    }
    if (options_.level == CheckLevel::objects) return {};
    DRKIT_TRY(observe_content(snapshot));
    for (const auto& check : checks_) {
      if (check->info().level > options_.level || !check->applies_to(snapshot)) continue;
      if (check->info().level == CheckLevel::boot) DRKIT_TRY(run_alone(*check, snapshot));
    }
    return {};
  }

  Result<void> observe_content(const Snapshot& snapshot) {
    const auto began = ctx_.clock->steady();
    const CheckInput input = input_for(snapshot, "");
    std::vector<Observation> observations;
    for (const auto& check : checks_) {
      if (check->info().level > options_.level || !check->applies_to(snapshot)) continue;
      DRKIT_ASSIGN(std::unique_ptr<ContentObserver> observer, check->observe(ctx_, input));
      if (observer) {
        observations.push_back({check->info().id, std::move(observer)});
      } else if (check->info().level != CheckLevel::boot) {
        DRKIT_TRY(run_without_content(*check, input));
      }
    }
    std::uint64_t chunks = 0;
    DRKIT_TRY(walk(snapshot, observations, chunks));
    const std::int64_t walked = (ctx_.clock->steady() - began).count();
    report_.runs.push_back({"chunks", walked, chunks, "snapshot " + snapshot.id.substr(0, 8)});
    for (const Observation& observation : observations) {
      DRKIT_ASSIGN(CheckSummary summary, observation.observer->finish(sink()));
      report_.runs.push_back({observation.id, walked, summary.looked_at, std::move(summary.detail)});
    }
    return {};
  }

  Result<void> walk(const Snapshot& snapshot, const std::vector<Observation>& observations, std::uint64_t& chunks) {
    std::vector<ContentObserver*> observers;
    for (const Observation& observation : observations) observers.push_back(observation.observer.get());
    const FindingSink report = sink();
    auto reader = engine::SnapshotReader::open(ctx_, repository_, snapshot);
    if (!reader) return as_finding(reader.error(), snapshot);
    repo::ManifestReader manifest = reader->manifest();
    engine::ContentWalk content(ctx_, *reader, observers, report);
    const bool observed = !observations.empty();
    while (true) {
      auto record = manifest.next(ctx_);
      if (!record) {
        DRKIT_TRY(as_finding(record.error(), snapshot));
        break;
      }
      if (!*record) break;
      const Entry& entry = (*record)->entry;
      if (!engine::has_content(entry) || entry.problem) continue;
      // System checks need the whole tree; a sample of chunks alone does not.
      if (!observed && !engine::sampled(entry.path, options_.sample_percent)) continue;
      DRKIT_TRY(content.add(**record));
    }
    DRKIT_TRY(content.finish());
    chunks = content.chunks();
    return {};
  }

  Result<void> as_finding(const Error& error, const Snapshot& snapshot) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::not_found) return error;
    findings_.add({Severity::damage, "snapshot_damaged", snapshot.id, error.to_string()}, snapshot.id);
    return {};
  }

  Result<void> run_without_content(Check& check, const CheckInput& input) {
    const auto began = ctx_.clock->steady();
    DRKIT_ASSIGN(CheckSummary summary, check.run(ctx_, input, sink()));
    report_.runs.push_back(
        {check.info().id, (ctx_.clock->steady() - began).count(), summary.looked_at, std::move(summary.detail)});
    return {};
  }

  Result<void> run_alone(Check& check, const Snapshot& snapshot) {
    const auto began = ctx_.clock->steady();
    DRKIT_ASSIGN(const Scratch scratch, Scratch::make(options_.scratch_parent));
    DRKIT_ASSIGN(CheckSummary summary, check.run(ctx_, input_for(snapshot, scratch.path()), sink()));
    report_.runs.push_back(
        {check.info().id, (ctx_.clock->steady() - began).count(), summary.looked_at, std::move(summary.detail)});
    return {};
  }

  FindingSink sink() {
    return [this](Finding finding) { findings_.add(std::move(finding), current_); };
  }

  const Context& ctx_;
  const Repository& repository_;
  const std::vector<std::unique_ptr<Check>>& checks_;
  const CheckOptions& options_;
  Report report_;
  engine::FindingList findings_;
  std::string current_;  ///< id of the snapshot that is looked at
};

}  // namespace

Result<Report> check(const Context& ctx, const Repository& repository, const Snapshot* snapshot,
                     const std::vector<std::unique_ptr<Check>>& checks, const CheckOptions& options) {
  return CheckRunner(ctx, repository, checks, options).run(snapshot);
}

}  // namespace drkit
