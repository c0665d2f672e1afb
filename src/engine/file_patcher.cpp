#include "engine/file_patcher.hpp"

#include <algorithm>

namespace drkit::engine {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kReadBytes = std::size_t{1} << 20;

}  // namespace

FilePatcher::FilePatcher(repo::ChunkWriter& chunks, repo::ManifestWriter& manifest)
    : chunks_(chunks), extents_(manifest) {}

Result<FileResult> FilePatcher::read(const Context& ctx, Stream& stream, const EarlierFile& earlier,
                                     const ReadProgress& progress, bool& source_failed) {
  result_ = {};
  window_.clear();
  window_.reserve(kChunkBytes + kReadBytes);
  runs_.clear();
  extents_.clear();
  earlier_ = &earlier;
  next_extent_ = 0;
  while (true) {
    DRKIT_TRY(ctx.check_cancelled());
    auto got = stream.read(ctx, window_.room().first(kReadBytes));
    source_failed = !got;
    if (!got) return std::move(got).error();
    if (got->at_end()) break;
    DRKIT_TRY(take(*got));
    progress(got->data_bytes + got->same_bytes);
  }
  if (!window_.empty()) DRKIT_TRY(store(window_.size()));
  if (auto closed = stream.close(ctx); !closed) {
    source_failed = true;
    return std::move(closed).error();
  }
  DRKIT_ASSIGN(result_.content, extents_.finish());
  return std::move(result_);
}

Result<void> FilePatcher::take(const ReadResult& got) {
  window_.resize(window_.size() + got.data_bytes);
  result_.bytes_read += got.data_bytes;
  if (got.data_bytes > 0) push(Run::Kind::data, got.data_bytes);
  if (got.hole_bytes > 0) push(Run::Kind::hole, got.hole_bytes);
  if (got.same_bytes > 0) {
    if (got.same_bytes > earlier_->size_bytes || result_.size_bytes > earlier_->size_bytes - got.same_bytes) {
      return Error(ErrorCode::internal, "the source calls bytes unchanged that were not there");
    }
    push(Run::Kind::same, got.same_bytes);
  }
  while (window_.size() >= kChunkBytes) DRKIT_TRY(store(kChunkBytes));
  return settle_leading();
}

void FilePatcher::push(Run::Kind kind, std::uint64_t bytes) {
  if (!runs_.empty() && runs_.back().kind == kind) {
    runs_.back().bytes += bytes;
  } else {
    runs_.push_back({kind, result_.size_bytes, bytes});
  }
  result_.size_bytes += bytes;
}

// One chunk of the oldest changed bytes, from wherever in the file they came.
Result<void> FilePatcher::store(std::size_t size) {
  DRKIT_TRY(settle_leading());
  const ByteView plain = window_.view().first(size);
  const crypto::ChunkId id = chunks_.id_of(format::PackType::data, crypto::sha256(plain));
  DRKIT_ASSIGN(const bool is_new, chunks_.add(format::PackType::data, id, plain, codec::Repeats::brief));
  ++result_.chunks;
  if (is_new) {
    ++result_.chunks_new;
    result_.bytes_new += size;
  }
  for (std::size_t used = 0; used < size;) {
    Run& run = runs_.front();
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(run.bytes, size - used));
    DRKIT_TRY(extents_.add(id, static_cast<std::uint32_t>(used), static_cast<std::uint32_t>(count)));
    used += count;
    run.offset += count;
    run.bytes -= count;
    if (run.bytes == 0) runs_.pop_front();
    DRKIT_TRY(settle_leading());
  }
  window_.consume(size);
  return {};
}

// Runs before the first byte that waits to be stored have their place already.
Result<void> FilePatcher::settle_leading() {
  while (!runs_.empty() && runs_.front().kind != Run::Kind::data) {
    if (runs_.front().kind == Run::Kind::hole) extents_.add_gap(runs_.front().bytes);
    if (runs_.front().kind == Run::Kind::same) DRKIT_TRY(refer(runs_.front()));
    runs_.pop_front();
  }
  return {};
}

Result<void> FilePatcher::refer(const Run& run) {
  std::uint64_t position = run.offset;
  const std::uint64_t end = run.offset + run.bytes;
  for (; next_extent_ < earlier_->extents.size(); ++next_extent_) {
    const auto& [offset, extent] = earlier_->extents[next_extent_];
    const std::uint64_t extent_end = offset + extent.length_bytes;
    if (extent_end <= position) continue;
    if (offset >= end) break;
    const std::uint64_t from = std::max(offset, position), to = std::min(extent_end, end);
    extents_.add_gap(from - position);
    DRKIT_TRY(extents_.add(extent.chunk, static_cast<std::uint32_t>(extent.chunk_offset + (from - offset)),
                           static_cast<std::uint32_t>(to - from)));
    position = to;
    if (position == end) return {};
  }
  extents_.add_gap(end - position);
  return {};
}

}  // namespace drkit::engine
