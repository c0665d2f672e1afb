// Every pack of the index: its directory, its frames, its chunks.
#include "engine/finding_list.hpp"
#include "engine/parallel.hpp"
#include "repo/chunk_reader.hpp"
#include "repo/layout.hpp"

namespace drkit::engine {
namespace {

Result<void> check_frame(const Context& ctx, repo::ChunkReader& chunks, std::uint32_t pack, std::uint32_t offset,
                         const format::FrameEntry& entry) {
  thread_local base::Buffer plain;
  const repo::FrameRef frame{pack, offset, entry.sealed_bytes, entry.plain_bytes, entry.codec};
  DRKIT_ASSIGN(const Bytes sealed, chunks.fetch(ctx, pack, offset, entry.sealed_bytes));
  DRKIT_TRY(chunks.open_frame(frame, sealed, plain));
  std::size_t position = 0;
  for (const format::ChunkSlot& chunk : entry.chunks) {
    DRKIT_TRY(chunks.verify(chunk.id, plain.view().subspan(position, chunk.plain_bytes), pack));
    position += chunk.plain_bytes;
  }
  return {};
}

bool is_damage(const Error& error) {
  return error.code() == ErrorCode::corrupt || error.code() == ErrorCode::not_found;
}

}  // namespace

Result<CheckRun> run_pack_check(const Context& ctx, const std::shared_ptr<Repository::Impl>& impl, unsigned percent,
                                FindingList& findings) {
  const auto began = ctx.clock->steady();
  DRKIT_ASSIGN(const std::shared_ptr<repo::ChunkReader> chunks, repo::ChunkReader::open(ctx, impl));
  const std::vector<repo::PackRef> packs = chunks->index().packs();
  std::atomic<std::uint64_t> looked_at{0};
  const auto check_pack = [&](std::size_t i) -> Result<void> {
    const std::string key = repo::pack_key(packs[i].type, packs[i].name);
    if (!sampled(key, percent)) return {};
    const auto info = repo::read_pack_info(ctx, *impl, key, packs[i].size_bytes);
    if (!info && !is_damage(info.error())) return info.error();
    // Whether it should be there is the reference check's question, and its answer names the snapshots.
    if (!info && info.error().code() == ErrorCode::not_found) return {};
    if (!info) {
      findings.add({Severity::damage, "pack_damaged", key, info.error().to_string()});
      return {};
    }
    std::uint32_t offset = format::kPackHeaderBytes;
    for (const format::FrameEntry& frame : info->directory) {
      DRKIT_TRY(ctx.check_cancelled());
      const auto checked = check_frame(ctx, *chunks, static_cast<std::uint32_t>(i), offset, frame);
      if (!checked && !is_damage(checked.error())) return checked;
      if (!checked) findings.add({Severity::damage, "pack_damaged", key, checked.error().to_string()});
      looked_at += frame.chunks.size();
      offset += frame.sealed_bytes;
    }
    return {};
  };
  DRKIT_TRY(run_in_parallel(ctx, impl->budget.threads, packs.size(), check_pack));
  return CheckRun{"packs", (ctx.clock->steady() - began).count(), looked_at, std::to_string(packs.size()) + " packs"};
}

}  // namespace drkit::engine
