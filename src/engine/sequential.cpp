#include "engine/sequential.hpp"

#include <algorithm>

#include "crypto/sha256.hpp"

namespace drkit::engine {
namespace {

Result<void> write_zeros(const Context& ctx, Sink& sink, crypto::Sha256& hash, std::uint64_t& offset,
                         std::uint64_t end) {
  static const Bytes kZeros(std::size_t{64} << 10);
  while (offset < end) {
    DRKIT_TRY(ctx.check_cancelled());
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(end - offset, kZeros.size()));
    DRKIT_TRY(sink.write_at(ctx, offset, ByteView(kZeros).first(count)));
    hash.update(ByteView(kZeros).first(count));
    offset += count;
  }
  return {};
}

}  // namespace

Result<void> write_in_order(const Context& ctx, repo::ChunkReader& chunks, const format::Record& record, Sink& sink) {
  std::uint64_t offset = 0;
  crypto::Sha256 hash;
  const auto write = [&](std::uint64_t file_offset, const format::Extent& extent) -> Result<void> {
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_TRY(write_zeros(ctx, sink, hash, offset, file_offset));
    auto chunk = chunks.read(ctx, format::PackType::data, extent.chunk);
    if (!chunk) return Error(std::move(chunk).error()).with("path", record.entry.path);
    if (extent.length_bytes > chunk->size() || extent.chunk_offset > chunk->size() - extent.length_bytes) {
      return Error(ErrorCode::corrupt, "manifest: an extent exceeds its chunk").with("path", record.entry.path);
    }
    const ByteView piece = ByteView(*chunk).subspan(extent.chunk_offset, extent.length_bytes);
    DRKIT_TRY(sink.write_at(ctx, offset, piece));
    hash.update(piece);
    offset += extent.length_bytes;
    return {};
  };
  DRKIT_TRY(repo::visit_extents(ctx, chunks, record, write));
  DRKIT_TRY(write_zeros(ctx, sink, hash, offset, record.entry.size_bytes));
  const bool known = record.entry.sha256 != Sha256Digest{};
  if (!known || hash.finish() == record.entry.sha256) return {};
  return Error(ErrorCode::corrupt, "content does not match the file's SHA-256").with("path", record.entry.path);
}

}  // namespace drkit::engine
