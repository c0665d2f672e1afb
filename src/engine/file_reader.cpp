#include "engine/file_reader.hpp"

#include <algorithm>

#include "repo/writer_memory.hpp"

namespace drkit::engine {
namespace {

/// PostgreSQL's pages never move within a relation file, so fixed pieces deduplicate best, and their length says
/// nothing.
constexpr std::size_t kFixedChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kSniffBytes = std::size_t{64} << 10;
constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr std::uint64_t kHoleSlice = std::uint64_t{64} << 20;

}  // namespace

FileReader::FileReader(const Secret& chunker_key, repo::ChunkWriter& chunks, repo::ManifestWriter& manifest)
    : content_chunker_(chunk::make_content_chunker(chunker_key)),
      fixed_chunker_(chunk::make_fixed_chunker(kFixedChunkBytes)),
      chunks_(chunks),
      extents_(manifest) {
  window_.reserve(content_chunker_->max_chunk_bytes() + kReadBytes);
}

Result<FileResult> FileReader::read(const Context& ctx, Stream& stream, const ReadProgress& progress,
                                    bool& source_failed) {
  result_ = {};
  window_.clear();
  consumed_ = 0;
  extents_.clear();
  hash_.reset();
  chunk::Chunker* chunker = nullptr;
  while (true) {
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_ASSIGN(const ReadResult got, fill(ctx, stream, source_failed));
    const bool boundary = got.at_end() || got.hole_bytes > 0;
    if (chunker == nullptr && (boundary || window_.size() >= kSniffBytes)) {
      chunker = &choose_chunker(stream.entry(), got.at_end());
      chunker->reset();
    }
    if (chunker != nullptr) DRKIT_TRY(cut_chunks(*chunker, boundary));
    DRKIT_TRY(take_hole(ctx, got.hole_bytes, progress));
    progress(got.data_bytes);
    if (got.at_end()) break;
  }
  if (auto closed = stream.close(ctx); !closed) {
    source_failed = true;
    return std::move(closed).error();
  }
  result_.sha256 = hash_.finish();
  DRKIT_ASSIGN(result_.content, extents_.finish());
  return std::move(result_);
}

Result<ReadResult> FileReader::fill(const Context& ctx, Stream& stream, bool& source_failed) {
  if (window_.capacity() - window_.size() < kReadBytes) {
    window_.consume(consumed_);
    consumed_ = 0;
  }
  const std::size_t room = std::min(window_.capacity() - window_.size(), kReadBytes);
  auto got = stream.read(ctx, window_.room().first(room));
  if (!got) {
    source_failed = true;
    return got;
  }
  if (got->same_bytes > 0) return Error(ErrorCode::internal, "the source refers to a file that it was not given");
  window_.resize(window_.size() + got->data_bytes);
  result_.bytes_read += got->data_bytes;
  return got;
}

chunk::Chunker& FileReader::choose_chunker(const Entry& entry, bool at_end) {
  const std::uint64_t size = at_end ? window_.size() : entry.size_bytes;
  return chunk::looks_like_postgres_pages(window_.view(), size) ? *fixed_chunker_ : *content_chunker_;
}

Result<void> FileReader::cut_chunks(chunk::Chunker& chunker, bool at_end) {
  while (consumed_ < window_.size()) {
    const std::size_t size = chunker.next_cut(window_.view().subspan(consumed_), at_end);
    if (size == 0) return {};
    DRKIT_TRY(take_chunk(size));
  }
  window_.clear();
  consumed_ = 0;
  if (at_end) chunker.reset();
  return {};
}

Result<void> FileReader::take_chunk(std::size_t size) {
  const ByteView plain = window_.view().subspan(consumed_, size);
  const crypto::ChunkId id = chunks_.id_of(format::PackType::data, hash_.update(plain));
  if (draft_ != nullptr) draft_->keep(id, plain);
  DRKIT_ASSIGN(const bool is_new, store_chunk(id, size));
  result_.size_bytes += size;
  ++result_.chunks;
  if (is_new) {
    ++result_.chunks_new;
    result_.bytes_new += size;
  }
  return extents_.add(id, 0, static_cast<std::uint32_t>(size));
}

// A chunk that is all there is in the window goes on without being copied.
Result<bool> FileReader::store_chunk(const crypto::ChunkId& id, std::size_t size) {
  if (consumed_ > 0 || size < window_.size() || !chunks_.fills_frame(size)) {
    const ByteView plain = window_.view().subspan(consumed_, size);
    consumed_ += size;
    return chunks_.add(format::PackType::data, id, plain);
  }
  const std::size_t capacity = window_.capacity();
  DRKIT_ASSIGN(const bool is_new, chunks_.add_frame(format::PackType::data, id, window_));
  window_.clear();
  window_.reserve(capacity);
  return is_new;
}

// In slices: zeros cost no reading, but they are hashed.
Result<void> FileReader::take_hole(const Context& ctx, std::uint64_t size, const ReadProgress& progress) {
  extents_.add_gap(size);
  result_.size_bytes += size;
  while (size > 0) {
    DRKIT_TRY(ctx.check_cancelled());
    const std::uint64_t slice = std::min(size, kHoleSlice);
    hash_.update_zeros(slice);
    progress(0);
    size -= slice;
  }
  return {};
}

}  // namespace drkit::engine
