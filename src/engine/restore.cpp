// The straight line out: Storage::get(range) -> Cipher::open -> Codec::decode -> id == asked? -> Sink::write.
#include <drkit/restore.hpp>

#include "engine/restore_window.hpp"
#include "engine/selection.hpp"
#include "engine/sequential.hpp"
#include "engine/snapshot_reader.hpp"

namespace drkit {
namespace {

constexpr std::size_t kListedProblems = 1000;
constexpr std::size_t kMaxTopNames = 10'000;

void count(const Entry& entry, RestoreStats& stats) {
  ++stats.entries;
  if (entry.problem) ++stats.problems;
  if (!engine::has_content(entry) || entry.problem) return;
  ++stats.files;
  stats.bytes += entry.size_bytes;
}

/// What is chosen of a snapshot.
struct Counted {
  RestoreStats stats;
  std::vector<std::string> top_names;  ///< directly below the root
};

RestoreSettings settings_of(const RestoreOptions& options, Counted counted) {
  // What was not chosen is in the snapshot too, or is nobody's business.
  const bool whole = options.includes.empty() && options.excludes.empty();
  RestoreSettings settings{options.delta, options.owners, whole};
  if (counted.top_names.size() < kMaxTopNames) settings.top_names = std::move(counted.top_names);
  return settings;
}

/// One run of restore().
class RestoreRun {
 public:
  RestoreRun(const Context& ctx, engine::SnapshotReader reader, RestoreTarget& target, const RestoreOptions& options)
      : ctx_(ctx),
        reader_(std::move(reader)),
        target_(target),
        options_(options),
        sequential_(target.info().sequential),
        window_(ctx, *reader_.impl, reader_.chunks, target, options.delta) {}

  Result<RestoreResult> run(Counted plan) {
    const auto began = ctx_.clock->steady();
    window_.set_total(plan.stats.bytes, plan.stats.entries);
    DRKIT_TRY(target_.begin(ctx_, settings_of(options_, std::move(plan))));
    repo::ManifestReader manifest = reader_.manifest();
    DRKIT_TRY(engine::visit_selected(ctx_, manifest, options_,
                                     [&](format::Record&& record) { return take(std::move(record)); }));
    DRKIT_TRY(window_.drain());
    DRKIT_TRY(target_.finish(ctx_));
    window_.finish();
    result_.stats.bytes_fetched = reader_.chunks->bytes_fetched();
    result_.stats.bytes_written += window_.counters().bytes_written;
    result_.stats.bytes_kept = window_.counters().bytes_kept;
    result_.stats.duration_ns = (ctx_.clock->steady() - began).count();
    result_.status = result_.stats.problems == 0 ? Status::complete : Status::partial;
    return std::move(result_);
  }

 private:
  Result<void> take(format::Record&& record) {
    if (record.entry.type == EntryType::hardlink && !record.entry.problem) DRKIT_TRY(resolve_hardlink(record));
    const Entry& entry = record.entry;
    count(entry, result_.stats);
    if (entry.problem) return take_problem(entry);
    if (!engine::has_content(entry)) return target_.make(ctx_, entry);
    if (sequential_) return write_in_order(record);
    DRKIT_TRY(window_.add(record));
    return window_.full() ? window_.run() : Result<void>();
  }

  // What the backup could not read is named, never replaced by something empty. A directory that could not be listed is
  // still a directory.
  Result<void> take_problem(const Entry& entry) {
    if (result_.problems.size() < kListedProblems) {
      result_.problems.push_back({entry.path, entry.problem->code, entry.problem->message});
    }
    if (entry.type == EntryType::directory) DRKIT_TRY(target_.make(ctx_, entry));
    return target_.keep(ctx_, entry);
  }

  // A further name of a file whose first name was not chosen becomes a file of its own.
  Result<void> resolve_hardlink(format::Record& record) {
    if (options_.includes.empty() && options_.excludes.empty()) return {};
    DRKIT_ASSIGN(const bool first_chosen, engine::is_selected(options_, record.entry.link_target, false));
    if (first_chosen) return {};
    repo::ManifestReader manifest = reader_.manifest();
    DRKIT_TRY(manifest.seek(ctx_, record.entry.link_target));
    DRKIT_ASSIGN(std::optional<format::Record> first, manifest.next(ctx_));
    if (!first || first->entry.path != record.entry.link_target) {
      return Error(ErrorCode::corrupt, "manifest: a hard link's first name is missing").with("path", record.entry.path);
    }
    first->entry.path = std::move(record.entry.path);
    record = std::move(*first);
    return {};
  }

  Result<void> write_in_order(const format::Record& record) {
    DRKIT_ASSIGN(const std::unique_ptr<Sink> sink, target_.open(ctx_, record.entry));
    DRKIT_TRY(engine::write_in_order(ctx_, *reader_.chunks, record, *sink));
    result_.stats.bytes_written += record.entry.size_bytes;
    return sink->close(ctx_);
  }

  const Context& ctx_;
  engine::SnapshotReader reader_;
  RestoreTarget& target_;
  const RestoreOptions& options_;
  const bool sequential_;
  engine::RestoreWindow window_;
  RestoreResult result_;
};

Result<Counted> count_selected(const Context& ctx, const engine::SnapshotReader& reader,
                               const RestoreOptions& options) {
  Counted counted;
  repo::ManifestReader manifest = reader.manifest();
  DRKIT_TRY(engine::visit_selected(ctx, manifest, options, [&](format::Record&& record) -> Result<void> {
    Entry& entry = record.entry;
    count(entry, counted.stats);
    const bool top = !entry.path.empty() && entry.path.find('/') == std::string::npos;
    if (top && counted.top_names.size() < kMaxTopNames) counted.top_names.push_back(std::move(entry.path));
    return {};
  }));
  return counted;
}

}  // namespace

Result<RestoreStats> plan_restore(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                                  const RestoreOptions& options) {
  DRKIT_ASSIGN(const engine::SnapshotReader reader, engine::SnapshotReader::open(ctx, repository, snapshot));
  DRKIT_ASSIGN(const Counted counted, count_selected(ctx, reader, options));
  return counted.stats;
}

Result<RestorePlan> plan_restore(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                                 RestoreTarget& target, const RestoreOptions& options) {
  DRKIT_ASSIGN(const engine::SnapshotReader reader, engine::SnapshotReader::open(ctx, repository, snapshot));
  DRKIT_ASSIGN(Counted counted, count_selected(ctx, reader, options));
  RestorePlan plan{counted.stats, {}};
  const EntryFeed feed = [&](const std::function<Result<void>(const Entry&)>& visit) -> Result<void> {
    repo::ManifestReader manifest = reader.manifest();
    return engine::visit_selected(ctx, manifest, options, [&](format::Record&& record) { return visit(record.entry); });
  };
  DRKIT_ASSIGN(plan.removals, target.plan_removals(ctx, settings_of(options, std::move(counted)), feed));
  return plan;
}

Result<RestoreResult> restore(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                              RestoreTarget& target, const RestoreOptions& options) {
  DRKIT_ASSIGN(engine::SnapshotReader reader, engine::SnapshotReader::open(ctx, repository, snapshot));
  DRKIT_ASSIGN(Counted plan, count_selected(ctx, reader, options));
  if (plan.stats.entries == 0 && !options.includes.empty()) {
    return Error(ErrorCode::not_found, "nothing in the snapshot matches what to include");
  }
  return RestoreRun(ctx, std::move(reader), target, options).run(std::move(plan));
}

}  // namespace drkit
