// The straight line in: Stream::read -> Chunker -> chunk id -> Index::contains -> Codec::encode -> Cipher::seal -> Packer
// -> Storage::put, then index, manifest, snapshot.
#include <drkit/backup.hpp>

#include <unistd.h>

#include <array>
#include <chrono>

#include "base/hex.hpp"
#include "engine/file_reader.hpp"
#include "engine/parent.hpp"
#include "engine/progress_meter.hpp"
#include "repo/checkpoints.hpp"
#include "repo/orphans.hpp"
#include "repo/record_sorter.hpp"
#include "repo/snapshots.hpp"

namespace drkit {
namespace {

constexpr std::size_t kListedProblems = 1000;
/// A file changed so shortly before it was read may change again within one tick of the kernel's clock, with the same
/// times: the next run must read it.
constexpr std::int64_t kRacyNs = 100'000'000;

std::string machine_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("unknown");
}

bool has_content(const Entry& entry) { return entry.type == EntryType::regular || entry.type == EntryType::stream; }

/// One run of backup().
class BackupRun {
 public:
  BackupRun(const Context& ctx, Repository& repository, Source& source, const BackupOptions& options)
      : ctx_(ctx), impl_(repository.impl()), source_(source), options_(options), meter_(ctx, "backup") {}

  Result<Snapshot> run() {
    const std::int64_t began = ctx_.clock->wall_ns();
    const auto steady = ctx_.clock->steady();
    snapshot_.host = options_.host.empty() ? machine_name() : options_.host;
    DRKIT_ASSIGN(lease_, repo::open_lease(ctx_, *impl_, snapshot_.host));
    auto done = copy_source();
    if (done) {
      snapshot_.time_ns = began;
      snapshot_.stats.duration_ns = (ctx_.clock->steady() - steady).count();
      done = commit();
    }
    // Nothing is put any more once the lease is gone.
    reader_.reset();
    manifest_.reset();
    chunks_.reset();
    // A lease that stays behind costs nothing but a later prune's patience.
    Context uncancelled = ctx_;
    uncancelled.cancel = CancelToken();
    const auto closed = repo::close_lease(uncancelled, *impl_, lease_);
    DRKIT_TRY(done);
    if (!closed) ctx_.write_log(LogLevel::warning, "lease not removed: " + closed.error().to_string());
    return std::move(snapshot_);
  }

 private:
  Result<void> copy_source() {
    DRKIT_TRY(repo::adopt_orphans(ctx_, *impl_));
    DRKIT_ASSIGN(chunks_, repo::ChunkWriter::open(ctx_, impl_, options_.compression_level));
    manifest_ = std::make_unique<repo::ManifestWriter>(*chunks_);
    reader_ = std::make_unique<engine::FileReader>(impl_->keys.chunker_key, *chunks_, *manifest_);
    DRKIT_TRY(source_.begin(ctx_));
    const SourceInfo info = source_.info();
    snapshot_.source_kind = info.kind;
    snapshot_.source_name = info.name;
    if (info.ordered) {
      DRKIT_ASSIGN(parent_, engine::Parent::open(ctx_, impl_, options_.parent, snapshot_));
    } else {
      sorter_.emplace(impl_->spool_directory(), impl_->budget.spool_bytes);
    }
    meter_.set_total(source_.estimated_bytes());
    next_checkpoint_ = checkpoint_time();
    while (true) {
      DRKIT_TRY(ctx_.check_cancelled());
      DRKIT_ASSIGN(std::unique_ptr<Stream> stream, source_.next(ctx_));
      if (!stream) break;
      DRKIT_TRY(take(*stream, info));
      if (ctx_.clock->steady() >= next_checkpoint_) DRKIT_TRY(make_checkpoint());
    }
    DRKIT_ASSIGN(receipt_, source_.finish(ctx_));
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

  Result<void> take(Stream& stream, const SourceInfo& info) {
    format::Record record;
    record.entry = stream.entry();
    if (!format::clean_path(record.entry.path)) {
      return Error(ErrorCode::internal, "source names an entry outside its tree").with("path", record.entry.path);
    }
    if (record.entry.problem) return take_problem(std::move(record), info);
    if (has_content(record.entry)) {
      DRKIT_ASSIGN(const bool unchanged, take_unchanged(record));
      if (!unchanged) {
        bool source_failed = false;
        const auto progress = [&](std::uint64_t n) { meter_.advance(record.entry.path, n, chunks_->bytes_stored()); };
        auto read = reader_->read(ctx_, stream, progress, source_failed);
        if (!read && source_failed && info.entry_errors_are_partial && read.error().code() != ErrorCode::cancelled) {
          record.entry.problem = Problem{record.entry.path, read.error().code(), read.error().message()};
          return take_problem(std::move(record), info);
        }
        if (!read) return name_entry(std::move(read).error(), record.entry.path);
        take_result(std::move(*read), record);
      }
      ++snapshot_.stats.files;
      snapshot_.stats.bytes += record.entry.size_bytes;
    }
    return keep(record);
  }

  Error name_entry(Error error, const std::string& path) {
    for (const auto& [key, value] : error.context()) {
      if (key == "path") return error;
    }
    return std::move(error).with("path", path);
  }

  // An entry that cannot be read stays in the snapshot without content, so that a restore names it too.
  Result<void> take_problem(format::Record record, const SourceInfo& info) {
    const Problem& problem = *record.entry.problem;
    if (!info.entry_errors_are_partial) return Error(problem.code, problem.message).with("path", problem.path);
    ctx_.write_log(LogLevel::warning, problem.path + ": " + problem.message);
    ++snapshot_.stats.problems;
    if (snapshot_.problems.size() < kListedProblems) snapshot_.problems.push_back(problem);
    if (has_content(record.entry)) {
      record.entry.size_bytes = 0;
      record.entry.fingerprint = {};
    }
    return keep(record);
  }

  Result<bool> take_unchanged(format::Record& record) {
    if (!parent_) return false;
    DRKIT_ASSIGN(std::optional<format::Record> old, parent_->find_unchanged(ctx_, record.entry, *chunks_));
    if (!old) return false;
    record.content = std::move(old->content);
    record.entry.sha256 = old->entry.sha256;
    ++snapshot_.stats.files_unchanged;
    meter_.advance(record.entry.path, record.entry.size_bytes, chunks_->bytes_stored());
    return true;
  }

  void take_result(engine::FileResult&& result, format::Record& record) {
    record.content = std::move(result.content);
    record.entry.sha256 = result.sha256;
    record.entry.size_bytes = result.size_bytes;
    if (ctx_.clock->wall_ns() - record.entry.fingerprint.ctime_ns < kRacyNs) record.entry.fingerprint = {};
    snapshot_.stats.bytes_read += result.bytes_read;
    snapshot_.stats.bytes_new += result.bytes_new;
    snapshot_.stats.chunks += result.chunks;
    snapshot_.stats.chunks_new += result.chunks_new;
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
    DRKIT_TRY(repo::commit_snapshot(ctx_, *impl_, lease_, chunks_->content_key(), {false, snapshot_, {}}, private_part));
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
  Snapshot snapshot_;
  SourceReceipt receipt_;
  std::unique_ptr<repo::ChunkWriter> chunks_;
  std::unique_ptr<repo::ManifestWriter> manifest_;
  std::unique_ptr<engine::FileReader> reader_;
  std::unique_ptr<engine::Parent> parent_;
  std::optional<repo::RecordSorter> sorter_;
};

}  // namespace

std::string_view status_name(Status status) {
  switch (status) {
    case Status::complete: return "complete";
    case Status::partial: return "partial";
    case Status::failed: return "failed";
  }
  return "failed";
}

Result<Snapshot> backup(const Context& ctx, Repository& repository, Source& source, const BackupOptions& options) {
  return BackupRun(ctx, repository, source, options).run();
}

}  // namespace drkit
