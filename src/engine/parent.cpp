#include "engine/parent.hpp"

#include <drkit/spi/source.hpp>

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
  DRKIT_ASSIGN(const std::vector<repo::LoadedSnapshot> all, repo::load_snapshots(ctx, *impl));
  const repo::LoadedSnapshot* chosen = nullptr;
  for (const repo::LoadedSnapshot& snapshot : all) {
    const bool same_source = snapshot.value.source_kind == current.source_kind &&
                             snapshot.value.source_name == current.source_name && snapshot.value.host == current.host;
    if (choice == "auto" ? same_source : snapshot.value.id.starts_with(choice)) chosen = &snapshot;
  }
  if (chosen == nullptr && choice != "auto") {
    return Error(ErrorCode::not_found, "no such parent snapshot").with("snapshot", choice);
  }
  if (chosen == nullptr || !chosen->manifest) return std::unique_ptr<Parent>();
  DRKIT_ASSIGN(std::shared_ptr<repo::ChunkReader> reader, repo::ChunkReader::open(ctx, std::move(impl)));
  return std::unique_ptr<Parent>(new Parent(std::move(reader), *chosen->manifest));
}

Result<std::optional<format::Record>> Parent::find_unchanged(const Context& ctx, const Entry& entry,
                                                             const repo::ChunkWriter& chunks) {
  while (!ended_ && (!current_ || entry_path_less(current_->entry.path, entry.path))) {
    auto next = manifest_.next(ctx);
    if (!next && next.error().code() == ErrorCode::cancelled) return std::move(next).error();
    // A damaged parent is no reason to fail: the files are there to be read.
    if (!next) ctx.write_log(LogLevel::warning, "parent snapshot is damaged: " + next.error().to_string());
    if (!next || !*next) ended_ = true;
    current_ = next ? std::move(*next) : std::nullopt;
  }
  if (!current_ || current_->entry.path != entry.path || !same_file(entry, current_->entry)) {
    return std::optional<format::Record>();
  }
  DRKIT_ASSIGN(const bool present, chunks_present(ctx, *current_, chunks));
  return present ? std::exchange(current_, std::nullopt) : std::nullopt;
}

// What is gone from the index is read and stored again.
Result<bool> Parent::chunks_present(const Context& ctx, const format::Record& record,
                                    const repo::ChunkWriter& chunks) {
  bool present = true;
  for (const format::ExtentNodeRef& ref : record.content.nodes) {
    DRKIT_ASSIGN(const bool node_present, chunks.contains(ref.node));
    if (!node_present) return false;
  }
  const auto visited = repo::visit_extents(ctx, *reader_, record, [&](std::uint64_t, const format::Extent& extent) -> Result<void> {
    if (!present) return {};
    DRKIT_ASSIGN(present, chunks.contains(extent.chunk));
    return {};
  });
  if (!visited && visited.error().code() != ErrorCode::corrupt) return visited.error();
  return visited.ok() && present;
}

}  // namespace drkit::engine
