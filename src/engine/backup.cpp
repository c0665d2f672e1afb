// The straight line in: Stream::read -> Chunker -> chunk id -> Index::contains -> Codec::encode -> Cipher::seal ->
// Packer
// -> Storage::put, then index, manifest, snapshot.
#include <drkit/backup.hpp>

#include <chrono>
#include <unordered_set>

#include "base/hex.hpp"
#include "base/text_file.hpp"
#include "engine/parent.hpp"
#include "engine/progress_meter.hpp"
#include "engine/read_ahead.hpp"
#include "engine/read_crew.hpp"
#include "repo/checkpoints.hpp"
#include "repo/record_sorter.hpp"
#include "repo/snapshots.hpp"
#include "repo/stock.hpp"
#include "repo/writer_memory.hpp"

namespace drkit {
namespace {

constexpr std::size_t kListedProblems = 1000;
constexpr std::size_t kListedProblemBytes = std::size_t{2} << 20;

bool has_content(const Entry& entry) { return entry.type == EntryType::regular || entry.type == EntryType::stream; }

// Where the repository's first object would be met in the source: empty when it lies elsewhere.
std::string place_of_config(const std::string& storage, std::string source) {
  if (!source.ends_with('/')) source += '/';
  return storage.starts_with(source) ? storage.substr(source.size()) + "/config" : std::string();
}

/// One run of backup().
class BackupRun {
 public:
  BackupRun(const Context& ctx, Repository& repository, Source& source, const BackupOptions& options)
      : ctx_(ctx), impl_(repository.impl()), source_(source), options_(options), meter_(ctx, "backup") {}

  Result<Snapshot> run() {
    const std::int64_t began = ctx_.clock->wall_ns();
    const auto steady = ctx_.clock->steady();
    snapshot_.host = options_.host.empty() ? base::host_name() : options_.host;
    DRKIT_ASSIGN(lease_, repo::open_lease(ctx_, *impl_, snapshot_.host));
    auto done = copy_source();
    if (done) {
      snapshot_.time_ns = began;
      snapshot_.stats.duration_ns = (ctx_.clock->steady() - steady).count();
      done = commit();
    }
    // Nothing is put any more once the lease is gone.
    parent_.reset();
    manifest_.reset();
    draft_.reset();
    chunks_.reset();
    // A lease that stays behind costs nothing but a later prune's patience.
    Context uncancelled = ctx_;
    uncancelled.cancel = CancelToken();
    const auto closed = repo::close_lease(uncancelled, *impl_, lease_);
    if (!closed) ctx_.write_log(LogLevel::warning, "lease not removed: " + closed.error().to_string());
    DRKIT_TRY(done);
    return std::move(snapshot_);
  }

 private:
  Result<void> copy_source() {
    DRKIT_ASSIGN(std::shared_ptr<repo::Index> index, repo::take_stock(ctx_, *impl_));
    DRKIT_ASSIGN(chunks_, repo::ChunkWriter::open(ctx_, impl_, options_.compression_level, std::move(index)));
    DRKIT_TRY(source_.begin(ctx_));
    const SourceInfo info = source_.info();
    snapshot_.source_kind = info.kind;
    snapshot_.source_name = info.name;
    own_config_ = place_of_config(impl_->storage->info().name, info.name);
    if (info.ordered || info.concurrent_streams || info.compares) {
      memory_ = repo::WriterMemory::open(ctx_, *impl_, owner());
      DRKIT_ASSIGN(parent_, engine::Parent::open(ctx_, impl_, options_.parent, snapshot_, memory_));
      draft_ = repo::MemoryDraft::begin(ctx_, *impl_, owner());
    }
    manifest_ = std::make_unique<repo::ManifestWriter>(*chunks_, draft_.get());
    asked_again_ = {info.asks_again.begin(), info.asks_again.end()};
    if (!info.ordered) sorter_.emplace(impl_->spool_directory(), impl_->budget.spool_bytes);
    if (auto earlier = parent_ ? parent_->for_source(ctx_) : std::nullopt) {
      if (source_.info().compares) DRKIT_TRY(list_missing(*earlier));
      DRKIT_TRY(source_.compare_with(ctx_, *earlier));
    }
    DRKIT_TRY(source_.start(ctx_));
    // A source that hoped to compare may find only now that it cannot.
    const bool by_name = info.compares && source_.info().compares && parent_;
    if (info.compares && !by_name) parent_.reset();
    if (by_name) parent_->look_up_by_name();
    meter_.set_total(source_.estimated_bytes());
    next_checkpoint_ = checkpoint_time();
    std::optional<engine::ReadAhead> ahead;
    if (!info.ordered && !info.concurrent_streams && !by_name) ahead.emplace(ctx_, source_);
    engine::ReadCrew crew(ctx_, ahead ? *ahead : source_, impl_->keys.chunker_key, *chunks_, *manifest_, parent_.get(),
                          draft_.get(), meter_);
    partial_allowed_ = info.entry_errors_are_partial;
    DRKIT_TRY(crew.run(info.concurrent_streams ? impl_->budget.readers : 1,
                       [this](engine::EntryResult&& result) { return deliver(std::move(result)); }));
    ahead.reset();
    DRKIT_ASSIGN(receipt_, source_.finish(ctx_));
    for (Problem& problem : source_.problems()) list_problem(std::move(problem));
    return {};
  }

  // What it lacks is a reason to take everything from the source.
  Result<void> list_missing(EarlierSnapshot& earlier) {
    DRKIT_ASSIGN(std::optional<Problem> missing, parent_->find_missing(ctx_, *chunks_));
    if (!missing) return {};
    ctx_.write_log(LogLevel::warning, "parent snapshot is damaged: " + missing->path + ": " + missing->message);
    earlier.problems.push_back(std::move(*missing));
    return {};
  }

  std::chrono::steady_clock::time_point checkpoint_time() const {
    const bool none = sorter_ || options_.checkpoint_interval_ns <= 0;
    return none ? std::chrono::steady_clock::time_point::max()
                : ctx_.clock->steady() + std::chrono::nanoseconds(options_.checkpoint_interval_ns);
  }

  repo::CheckpointOwner owner() const { return {snapshot_.source_kind, snapshot_.source_name, snapshot_.host}; }

  Result<void> make_checkpoint() {
    DRKIT_ASSIGN(const repo::ManifestRoot root, manifest_->checkpoint());
    DRKIT_TRY(chunks_->flush());
    DRKIT_TRY(repo::put_checkpoint(ctx_, *impl_, lease_, ++checkpoints_, chunks_->content_key(), owner(), root));
    next_checkpoint_ = checkpoint_time();
    return {};
  }

  Result<void> deliver(engine::EntryResult&& result) {
    format::Record& record = result.record;
    if (!own_config_.empty() && record.entry.path == own_config_) {
      ctx_.write_log(LogLevel::warning,
                     "the repository lies inside of what is backed up and grows with itself: exclude it");
    }
    if (record.entry.type == EntryType::hardlink && unreadable_.contains(record.entry.link_target)) {
      record.entry.problem =
          Problem{record.entry.path, ErrorCode::io, "the file could not be read under its first name"};
    }
    if (record.entry.problem) return take_problem(std::move(record));
    if (has_content(record.entry)) count_file(result);
    // What is taken over goes through no writer.
    if (draft_ && memory_ && result.unchanged) {
      draft_->carry(*memory_, record, asked_again_.contains(record.entry.path));
    }
    DRKIT_TRY(keep(record));
    return ctx_.clock->steady() >= next_checkpoint_ ? make_checkpoint() : Result<void>();
  }

  void count_file(const engine::EntryResult& result) {
    BackupStats& stats = snapshot_.stats;
    ++stats.files;
    stats.bytes += result.record.entry.size_bytes;
    if (result.unchanged) {
      ++stats.files_unchanged;
      meter_.advance(result.record.entry.path, result.record.entry.size_bytes, chunks_->bytes_stored());
    }
    stats.bytes_read += result.read.bytes_read;
    stats.bytes_new += result.read.bytes_new;
    stats.chunks += result.read.chunks;
    stats.chunks_new += result.read.chunks_new;
  }

  // An entry that cannot be read stays in the snapshot without content, so that a restore names it too.
  Result<void> take_problem(format::Record record) {
    const Problem& problem = *record.entry.problem;
    if (!partial_allowed_) return Error(problem.code, problem.message).with("path", problem.path);
    list_problem(problem);
    if (has_content(record.entry)) {
      unreadable_.insert(record.entry.path);
      record.entry.size_bytes = 0;
      record.entry.fingerprint = {};
    }
    return keep(record);
  }

  void list_problem(Problem problem) {
    ++snapshot_.stats.problems;
    listed_bytes_ += problem.path.size() + problem.message.size();
    const bool listed = snapshot_.problems.size() < kListedProblems && listed_bytes_ <= kListedProblemBytes;
    // The snapshot's list is the warning; what has no room in it is told here alone.
    ctx_.write_log(listed ? LogLevel::info : LogLevel::warning, problem.path + ": " + problem.message);
    if (listed) snapshot_.problems.push_back(std::move(problem));
  }

  Result<void> keep(const format::Record& record) {
    ++snapshot_.stats.entries;
    meter_.entry_done(record.entry.path);
    return sorter_ ? sorter_->add(record) : manifest_->add(record);
  }

  Result<void> commit() {
    if (sorter_) {
      DRKIT_TRY(sorter_->finish());
      while (true) {
        DRKIT_ASSIGN(const std::optional<format::Record> record, sorter_->next());
        if (!record) break;
        DRKIT_TRY(manifest_->add(*record));
      }
    }
    DRKIT_ASSIGN(const repo::ManifestRoot root, manifest_->finish());
    DRKIT_TRY(chunks_->flush());
    snapshot_.id = base::to_hex(lease_.id);
    snapshot_.status = snapshot_.stats.problems == 0 ? Status::complete : Status::partial;
    snapshot_.tags = options_.tags;
    snapshot_.receipt = receipt_;
    snapshot_.stats.bytes_stored = chunks_->bytes_stored();
    snapshot_.private_readable = true;
    format::SnapshotPrivate private_part{root.node, root.level, receipt_, snapshot_.problems};
    DRKIT_ASSIGN(const format::Digest digest, repo::commit_snapshot(ctx_, *impl_, lease_, chunks_->content_key(),
                                                                    {false, snapshot_, {}}, private_part));
    if (draft_) draft_->finish({snapshot_.id, digest, root, receipt_, snapshot_.problems});
    meter_.finish(snapshot_.stats.bytes_stored);
    // The snapshot is there: what cannot be tidied up does no harm.
    const auto tidied = repo::remove_checkpoints(ctx_, *impl_, owner());
    if (!tidied) ctx_.write_log(LogLevel::warning, "checkpoints not removed: " + tidied.error().to_string());
    return {};
  }

  const Context& ctx_;
  std::shared_ptr<Repository::Impl> impl_;
  Source& source_;
  const BackupOptions& options_;
  engine::ProgressMeter meter_;
  repo::Lease lease_;
  unsigned checkpoints_ = 0;
  std::chrono::steady_clock::time_point next_checkpoint_;
  bool partial_allowed_ = false;
  std::string own_config_;
  std::unordered_set<std::string> unreadable_;  ///< files, by path
  Snapshot snapshot_;
  std::size_t listed_bytes_ = 0;  ///< of its problems
  SourceReceipt receipt_;
  std::unique_ptr<repo::ChunkWriter> chunks_;
  std::unique_ptr<repo::ManifestWriter> manifest_;
  std::shared_ptr<repo::WriterMemory> memory_;
  std::unique_ptr<repo::MemoryDraft> draft_;
  std::unordered_set<std::string> asked_again_;  ///< paths
  std::unique_ptr<engine::Parent> parent_;
  std::optional<repo::RecordSorter> sorter_;
};

}  // namespace

std::string_view status_name(Status status) {
  switch (status) {
    case Status::complete:
      return "complete";
    case Status::partial:
      return "partial";
    case Status::failed:
      return "failed";
  }
  return "failed";
}

Result<Snapshot> backup(const Context& ctx, Repository& repository, Source& source, const BackupOptions& options) {
  return BackupRun(ctx, repository, source, options).run();
}

}  // namespace drkit
