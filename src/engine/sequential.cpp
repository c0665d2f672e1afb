#include "engine/sequential.hpp"

#include <algorithm>

namespace drkit::engine {
namespace {

Result<void> write_zeros(const Context& ctx, Sink& sink, std::uint64_t& offset, std::uint64_t end) {
  static const Bytes kZeros(std::size_t{64} << 10);
  while (offset < end) {
    DRKIT_TRY(ctx.check_cancelled());
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(end - offset, kZeros.size()));
    DRKIT_TRY(sink.write_at(ctx, offset, ByteView(kZeros).first(count)));
    offset += count;
  }
  return {};
}

}  // namespace

Result<void> write_in_order(const Context& ctx, repo::ChunkReader& chunks, const format::Record& record, Sink& sink) {
  std::uint64_t offset = 0;
  const auto write = [&](std::uint64_t file_offset, const format::Extent& extent) -> Result<void> {
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_TRY(write_zeros(ctx, sink, offset, file_offset));
    auto chunk = chunks.read(ctx, extent.chunk);
    if (!chunk) return Error(std::move(chunk).error()).with("path", record.entry.path);
    if (extent.length_bytes > chunk->size() || extent.chunk_offset > chunk->size() - extent.length_bytes) {
      return Error(ErrorCode::corrupt, "manifest: an extent exceeds its chunk").with("path", record.entry.path);
    }
    DRKIT_TRY(sink.write_at(ctx, offset, ByteView(*chunk).subspan(extent.chunk_offset, extent.length_bytes)));
    offset += extent.length_bytes;
    return {};
  };
  DRKIT_TRY(repo::visit_extents(ctx, chunks, record, write));
  return write_zeros(ctx, sink, offset, record.entry.size_bytes);
}

}  // namespace drkit::engine
