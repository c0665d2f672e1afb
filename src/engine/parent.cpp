#include "engine/parent.hpp"

#include <algorithm>
#include <cstring>

#include <drkit/spi/source.hpp>

#include "repo/checkpoints.hpp"

namespace drkit::engine {
namespace {

/// A file whose content lies in more pieces than this is read and stored afresh, which bounds what a restore has to
/// gather: a page-wise incremental adds at most two pieces for a changed run of pages.
constexpr std::uint64_t kMaxPiecesPerMiB = 64;

bool is_fragmented(const format::Record& record) {
  std::uint64_t pieces = record.content.extents.size();
  for (const format::ExtentNodeRef& ref : record.content.nodes) pieces += ref.extents;
  return pieces > kMaxPiecesPerMiB * ((record.entry.size_bytes >> 20) + 1);
}

}  // namespace

Result<std::unique_ptr<Parent>> Parent::open(const Context& ctx, std::shared_ptr<Repository::Impl> impl,
                                             const std::string& choice, const Snapshot& current,
                                             std::shared_ptr<repo::WriterMemory> memory) {
  if (choice == "none") return std::unique_ptr<Parent>();
  if (impl->keys.role != KeyRole::full) return recall(ctx, *impl, choice, std::move(memory));
  // Damaged ones are no parents; the commit warns of them.
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(const std::vector<repo::LoadedSnapshot> all, repo::load_snapshots(ctx, *impl, &damaged));
  const repo::LoadedSnapshot* chosen = nullptr;
  for (const repo::LoadedSnapshot& snapshot : all) {
    const bool same_source = snapshot.value.source_kind == current.source_kind &&
                             snapshot.value.source_name == current.source_name && snapshot.value.host == current.host;
    if (choice == "auto" ? same_source : snapshot.value.id.starts_with(choice)) chosen = &snapshot;
  }
  if (chosen == nullptr && choice != "auto") {
    return Error(ErrorCode::not_found, "no such parent snapshot").with("snapshot", choice);
  }
  DRKIT_ASSIGN(const std::optional<repo::ManifestRoot> checkpoint,
               repo::newest_checkpoint(ctx, *impl, {current.source_kind, current.source_name, current.host}));
  const bool has_parent = chosen != nullptr && chosen->manifest;
  if (!has_parent && !checkpoint) return std::unique_ptr<Parent>();
  DRKIT_ASSIGN(std::shared_ptr<repo::ChunkReader> reader, repo::ChunkReader::open(ctx, std::move(impl)));
  std::unique_ptr<Parent> parent(new Parent(reader));
  if (checkpoint) parent->manifests_.push_back({repo::ManifestReader(reader, *checkpoint)});
  if (has_parent) {
    parent->manifests_.push_back({repo::ManifestReader(reader, *chosen->manifest)});
    parent->root_ = chosen->manifest;
    parent->snapshot_ = chosen->value;
  }
  return parent;
}

Result<std::unique_ptr<Parent>> Parent::recall(const Context& ctx, Repository::Impl& impl, const std::string& choice,
                                               std::shared_ptr<repo::WriterMemory> memory) {
  if (memory == nullptr && choice == "auto") return std::unique_ptr<Parent>();
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(const std::vector<repo::LoadedSnapshot> all, repo::load_snapshots(ctx, impl, &damaged));
  const auto chosen = std::find_if(all.rbegin(), all.rend(), [&](const repo::LoadedSnapshot& snapshot) {
    return choice == "auto" ? snapshot.value.id == memory->snapshot().id : snapshot.value.id.starts_with(choice);
  });
  if (chosen == all.rend() && choice != "auto") {
    return Error(ErrorCode::not_found, "no such parent snapshot").with("snapshot", choice);
  }
  if (memory == nullptr) return std::unique_ptr<Parent>();
  const repo::RememberedSnapshot& known = memory->snapshot();
  const bool same =
      chosen != all.rend() && chosen->value.id == known.id && chosen->object_digest == known.object_digest;
  if (!same) {
    ctx.write_log(LogLevel::warning, choice == "auto"
                                         ? "the snapshot that this machine remembers is not there: everything is read"
                                         : "this machine remembers another snapshot: everything is read");
    return std::unique_ptr<Parent>();
  }
  std::unique_ptr<Parent> parent(new Parent(memory));
  parent->manifests_.push_back({repo::ManifestReader(memory, known.manifest)});
  parent->root_ = known.manifest;
  parent->snapshot_ = chosen->value;
  parent->snapshot_.receipt = known.receipt;
  parent->snapshot_.problems = known.problems;
  return parent;
}

Result<std::optional<Parent::Found>> Parent::find(const Context& ctx, Stream& stream, const repo::ChunkWriter& chunks) {
  if (!stream.wants_earlier()) return std::optional<Found>();
  if (by_name_) {
    Manifest alone{repo::ManifestReader(reader_, *root_)};
    DRKIT_TRY(alone.reader.seek(ctx, stream.entry().path));
    return find_in(ctx, alone, stream, chunks);
  }
  for (Manifest& manifest : manifests_) {
    DRKIT_ASSIGN(std::optional<Found> found, find_in(ctx, manifest, stream, chunks));
    if (found) return found;
  }
  return std::optional<Found>();
}

Result<std::optional<Parent::Found>> Parent::find_in(const Context& ctx, Manifest& manifest, Stream& stream,
                                                     const repo::ChunkWriter& chunks) {
  auto& [reader, current, ended] = manifest;
  const std::string& path = stream.entry().path;
  while (!ended && (!current || entry_path_less(current->entry.path, path))) {
    auto next = reader.next(ctx);
    if (!next && next.error().code() == ErrorCode::cancelled) return std::move(next).error();
    // A damaged parent is no reason to fail: the files are there to be read.
    if (!next) ctx.write_log(LogLevel::warning, "parent snapshot is damaged: " + next.error().to_string());
    if (!next || !*next) ended = true;
    current = next ? std::move(*next) : std::nullopt;
  }
  if (!current || current->entry.path != path || current->entry.problem) return std::optional<Found>();
  const Reuse reuse = stream.compare(current->entry);
  if (reuse == Reuse::none) return std::optional<Found>();
  Found found{std::move(*current), reuse == Reuse::whole, {}};
  current.reset();
  // What comes by name has no other source: it is taken however fragmented it is.
  bool usable = found.whole || by_name_ || !is_fragmented(found.record);
  if (usable) {
    DRKIT_ASSIGN(usable, load(ctx, found, chunks));
  }
  if (usable) return std::optional(std::move(found));
  stream.forget_earlier();
  return std::optional<Found>();
}

// What is gone from the index is read and stored again.
Result<bool> Parent::load(const Context& ctx, Found& found, const repo::ChunkWriter& chunks) {
  bool present = true;
  const format::Record& record = found.record;
  for (const format::ExtentNodeRef& ref : record.content.nodes) {
    DRKIT_ASSIGN(const bool node_present, chunks.contains(format::PackType::meta, ref.node));
    if (!node_present) return false;
  }
  found.file.size_bytes = record.entry.size_bytes;
  const auto visit = [&](std::uint64_t offset, const format::Extent& extent) -> Result<void> {
    if (!present) return {};
    if (!found.whole) found.file.extents.push_back({offset, extent});
    DRKIT_ASSIGN(present, chunks.contains(format::PackType::data, extent.chunk));
    return {};
  };
  const auto visited = repo::visit_extents(ctx, *reader_, record, visit);
  if (!visited && visited.error().code() != ErrorCode::corrupt) return visited.error();
  return visited.ok() && present;
}

std::optional<EarlierSnapshot> Parent::for_source(const Context& ctx) {
  if (!root_) return std::nullopt;
  return EarlierSnapshot{
      snapshot_.receipt, snapshot_.problems,
      [this, &ctx](const std::string& path, std::uint64_t max_bytes) { return read_file(ctx, path, max_bytes); }};
}

Result<std::optional<Problem>> Parent::find_missing(const Context& ctx, const repo::ChunkWriter& chunks) {
  repo::ManifestReader manifest(reader_, *root_);
  for (;;) {
    auto next = manifest.next(ctx);
    if (!next && next.error().code() != ErrorCode::corrupt) return std::move(next).error();
    if (!next) return std::optional(Problem{{}, ErrorCode::corrupt, next.error().to_string()});
    if (!*next) return std::optional<Problem>();
    Found found{std::move(**next), true, {}};
    if (found.record.entry.type != EntryType::regular || found.record.entry.problem) continue;
    DRKIT_ASSIGN(const bool present, load(ctx, found, chunks));
    if (!present) {
      return std::optional(Problem{found.record.entry.path, ErrorCode::corrupt, "chunks of the file are missing"});
    }
  }
}

Result<std::optional<Bytes>> Parent::read_file(const Context& ctx, const std::string& path, std::uint64_t max_bytes) {
  repo::ManifestReader manifest(reader_, *root_);
  DRKIT_TRY(manifest.seek(ctx, path));
  DRKIT_ASSIGN(const std::optional<format::Record> record, manifest.next(ctx));
  const bool there = record && record->entry.path == path && !record->entry.problem;
  if (!there || record->entry.size_bytes > max_bytes) return std::optional<Bytes>();
  Bytes bytes(record->entry.size_bytes);
  DRKIT_TRY(repo::visit_extents(
      ctx, *reader_, *record, [&](std::uint64_t offset, const format::Extent& extent) -> Result<void> {
        DRKIT_ASSIGN(const Bytes chunk, reader_->read(ctx, format::PackType::data, extent.chunk));
        if (extent.length_bytes > chunk.size() || extent.chunk_offset > chunk.size() - extent.length_bytes) {
          return Error(ErrorCode::corrupt, "manifest: an extent exceeds its chunk").with("path", path);
        }
        std::memcpy(bytes.data() + offset, chunk.data() + extent.chunk_offset, extent.length_bytes);
        return {};
      }));
  return std::optional<Bytes>(std::move(bytes));
}

}  // namespace drkit::engine
