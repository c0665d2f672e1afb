#include "engine/parent.hpp"

#include <drkit/spi/source.hpp>

#include "repo/checkpoints.hpp"

namespace drkit::engine {
namespace {

bool same_file(const Entry& now, const Entry& before) {
  return now.type == before.type && now.size_bytes == before.size_bytes && now.mtime_ns == before.mtime_ns &&
         now.fingerprint != Fingerprint{} && now.fingerprint == before.fingerprint && !before.problem;
}

}  // namespace

Result<std::unique_ptr<Parent>> Parent::open(const Context& ctx, std::shared_ptr<Repository::Impl> impl,
                                             const std::string& choice, const Snapshot& current) {
  if (choice == "none" || impl->keys.role != KeyRole::full) return std::unique_ptr<Parent>();
  // Damaged ones are no parents; the commit warns of them.
  std::vector<repo::DamagedSnapshot> damaged;
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
  if (has_parent) parent->manifests_.push_back({repo::ManifestReader(reader, *chosen->manifest)});
  return parent;
}

Result<std::optional<format::Record>> Parent::find_unchanged(const Context& ctx, const Entry& entry,
                                                             const repo::ChunkWriter& chunks) {
  for (Manifest& manifest : manifests_) {
    DRKIT_ASSIGN(std::optional<format::Record> record, find_in(ctx, manifest, entry, chunks));
    if (record) return record;
  }
  return std::optional<format::Record>();
}

Result<std::optional<format::Record>> Parent::find_in(const Context& ctx, Manifest& manifest, const Entry& entry,
                                                      const repo::ChunkWriter& chunks) {
  auto& [reader, current, ended] = manifest;
  while (!ended && (!current || entry_path_less(current->entry.path, entry.path))) {
    auto next = reader.next(ctx);
    if (!next && next.error().code() == ErrorCode::cancelled) return std::move(next).error();
    // A damaged parent is no reason to fail: the files are there to be read.
    if (!next) ctx.write_log(LogLevel::warning, "parent snapshot is damaged: " + next.error().to_string());
    if (!next || !*next) ended = true;
    current = next ? std::move(*next) : std::nullopt;
  }
  if (!current || current->entry.path != entry.path || !same_file(entry, current->entry)) {
    return std::optional<format::Record>();
  }
  DRKIT_ASSIGN(const bool present, chunks_present(ctx, *current, chunks));
  return present ? std::exchange(current, std::nullopt) : std::nullopt;
}

// What is gone from the index is read and stored again.
Result<bool> Parent::chunks_present(const Context& ctx, const format::Record& record, const repo::ChunkWriter& chunks) {
  bool present = true;
  for (const format::ExtentNodeRef& ref : record.content.nodes) {
    DRKIT_ASSIGN(const bool node_present, chunks.contains(format::PackType::meta, ref.node));
    if (!node_present) return false;
  }
  const auto visited =
      repo::visit_extents(ctx, *reader_, record, [&](std::uint64_t, const format::Extent& extent) -> Result<void> {
        if (!present) return {};
        DRKIT_ASSIGN(present, chunks.contains(format::PackType::data, extent.chunk));
        return {};
      });
  if (!visited && visited.error().code() != ErrorCode::corrupt) return visited.error();
  return visited.ok() && present;
}

}  // namespace drkit::engine
