// Looking into snapshots: entries, single files, differences.
#include <drkit/restore.hpp>

#include <drkit/spi/source.hpp>

#include "engine/selection.hpp"
#include "engine/sequential.hpp"
#include "engine/snapshot_reader.hpp"

namespace drkit {
namespace {

bool at_or_below(const std::string& path, const std::string& entry_path) {
  return path.empty() || entry_path == path ||
         (entry_path.size() > path.size() && entry_path.starts_with(path) && entry_path[path.size()] == '/');
}

// What a restore would make differ; where the file lay on the source's disk does not count.
bool same_entry(const format::Record& a, const format::Record& b) {
  Entry x = a.entry;
  Entry y = b.entry;
  x.fingerprint = y.fingerprint = {};
  // Where no digest says it, the same pieces of the same chunks are the same content.
  const bool digests = x.sha256 != Sha256Digest{} || !engine::has_content(x);
  return x == y && (digests || a.content == b.content);
}

/// Steps through two snapshots side by side.
class Difference {
 public:
  Difference(const Context& ctx, repo::ManifestReader a, repo::ManifestReader b, const ChangeVisitor& visit)
      : ctx_(ctx), a_(std::move(a)), b_(std::move(b)), visit_(visit) {}

  Result<void> run() {
    DRKIT_TRY(refill());
    while (record_a_ || record_b_) {
      if (!step()) return {};
      DRKIT_TRY(refill());
    }
    return {};
  }

 private:
  Result<void> refill() {
    if (!record_a_ && !record_b_) DRKIT_TRY(skip_shared_leaves());
    if (!record_a_) {
      DRKIT_ASSIGN(record_a_, a_.next(ctx_));
    }
    if (!record_b_) {
      DRKIT_ASSIGN(record_b_, b_.next(ctx_));
    }
    return {};
  }

  Result<void> skip_shared_leaves() {
    while (true) {
      DRKIT_ASSIGN(const auto leaf_a, a_.at_leaf(ctx_));
      DRKIT_ASSIGN(const auto leaf_b, b_.at_leaf(ctx_));
      if (!leaf_a || !leaf_b || *leaf_a != *leaf_b) return {};
      a_.skip_leaf();
      b_.skip_leaf();
    }
  }

  // False when the visitor has seen enough.
  bool step() {
    if (!record_b_ || (record_a_ && entry_path_less(record_a_->entry.path, record_b_->entry.path))) {
      return visit_(Change::removed, std::exchange(record_a_, std::nullopt)->entry);
    }
    if (!record_a_ || entry_path_less(record_b_->entry.path, record_a_->entry.path)) {
      return visit_(Change::added, std::exchange(record_b_, std::nullopt)->entry);
    }
    const bool same = same_entry(*record_a_, *record_b_);
    record_a_.reset();
    const auto b = std::exchange(record_b_, std::nullopt);
    return same || visit_(Change::modified, b->entry);
  }

  const Context& ctx_;
  repo::ManifestReader a_;
  repo::ManifestReader b_;
  const ChangeVisitor& visit_;
  std::optional<format::Record> record_a_;
  std::optional<format::Record> record_b_;
};

}  // namespace

Result<void> list_entries(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                          const std::string& path, const EntryVisitor& visit) {
  DRKIT_ASSIGN(const engine::SnapshotReader reader, engine::SnapshotReader::open(ctx, repository, snapshot));
  repo::ManifestReader manifest = reader.manifest();
  DRKIT_TRY(manifest.seek(ctx, path));
  bool found = false;
  while (true) {
    DRKIT_ASSIGN(const std::optional<format::Record> record, manifest.next(ctx));
    if (!record || !at_or_below(path, record->entry.path)) break;
    found = true;
    if (!visit(record->entry)) return {};
  }
  if (found || path.empty()) return {};
  return Error(ErrorCode::not_found, "no such path in the snapshot").with("path", path);
}

Result<void> read_entry(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                        const std::string& path, Sink& sink) {
  DRKIT_ASSIGN(const engine::SnapshotReader reader, engine::SnapshotReader::open(ctx, repository, snapshot));
  repo::ManifestReader manifest = reader.manifest();
  DRKIT_TRY(manifest.seek(ctx, path));
  DRKIT_ASSIGN(const std::optional<format::Record> record, manifest.next(ctx));
  if (!record || record->entry.path != path) {
    return Error(ErrorCode::not_found, "no such path in the snapshot").with("path", path);
  }
  if (!engine::has_content(record->entry)) {
    return Error(ErrorCode::invalid_argument, "not a file").with("path", path);
  }
  if (record->entry.problem) {
    return Error(ErrorCode::not_found, "the backup could not read this file: " + record->entry.problem->message)
        .with("path", path);
  }
  return engine::write_in_order(ctx, *reader.chunks, *record, sink);
}

Result<void> diff(const Context& ctx, const Repository& repository, const Snapshot& a, const Snapshot& b,
                  const ChangeVisitor& visit) {
  DRKIT_ASSIGN(const engine::SnapshotReader reader_a, engine::SnapshotReader::open(ctx, repository, a));
  DRKIT_ASSIGN(const engine::SnapshotReader reader_b, engine::SnapshotReader::open(ctx, repository, b));
  return Difference(ctx, reader_a.manifest(), reader_b.manifest(), visit).run();
}

}  // namespace drkit
