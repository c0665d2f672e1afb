#include "engine/restore_window.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "crypto/sha256.hpp"
#include "engine/parallel.hpp"

namespace drkit::engine {
namespace {

// Of one load; two exist at once.
constexpr std::size_t kMaxFiles = 8'192;
constexpr std::size_t kMaxPieces = 32'768;
constexpr std::size_t kMaxLargeFiles = 128;  // twice as many may be open at the same time
constexpr std::uint64_t kMaxFetchBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kMaxFetchGap = std::uint64_t{128} << 10;  // cheaper to read over than to ask again

}  // namespace

Result<void> RestoreWindow::add(const format::Record& record) {
  filling_.files.push_back(std::make_shared<File>());
  filling_.piece_counts.push_back(0);
  File& file = *filling_.files.back();
  file.entry = record.entry;
  std::size_t pieces = 0;
  std::uint64_t covered = 0;
  const auto add_piece = [&](std::uint64_t offset, const format::Extent& extent) -> Result<void> {
    auto location = chunks_->locate(ctx_, extent.chunk, std::uint64_t{extent.chunk_offset} + extent.length_bytes);
    if (!location) return Error(std::move(location).error()).with("path", record.entry.path);
    if (extent.length_bytes > location->plain_bytes ||
        extent.chunk_offset > location->plain_bytes - extent.length_bytes ||
        std::uint64_t{location->chunk_offset} + location->plain_bytes > location->frame_plain_bytes) {
      return Error(ErrorCode::corrupt, "manifest: an extent exceeds its chunk").with("path", record.entry.path);
    }
    if (filling_.pieces.size() >= kMaxPieces) DRKIT_TRY(run());
    const auto number = static_cast<std::uint32_t>(filling_.files.size() - 1);
    filling_.pieces.push_back({repo::FrameRef::of(*location), location->chunk_offset, location->plain_bytes,
                               extent.chunk_offset, extent.length_bytes, extent.chunk, offset, number});
    ++filling_.piece_counts.back();
    ++file.left;
    ++pieces;
    covered += extent.length_bytes;
    return {};
  };
  DRKIT_TRY(repo::visit_extents(ctx_, *chunks_, record, add_piece));
  if (covered == record.entry.size_bytes) file.has_holes = false;
  file.adding = false;
  --file.left;
  if (pieces > 1 || delta_) ++filling_.large_files;
  filling_.bytes += record.entry.size_bytes;
  return {};
}

bool RestoreWindow::full() const {
  return filling_.files.size() >= kMaxFiles || filling_.pieces.size() >= kMaxPieces ||
         filling_.large_files >= kMaxLargeFiles || filling_.bytes >= impl_.budget.window_bytes / 2;
}

RestoreWindow::~RestoreWindow() {
  abandoned_ = true;
  if (writer_.joinable()) writer_.join();
}

Result<void> RestoreWindow::run() {
  DRKIT_TRY(wait());
  running_ = std::exchange(filling_, {});
  // A file whose pieces are still being added belongs to the next load too.
  if (!running_.files.empty() && running_.files.back()->adding) {
    filling_.files.push_back(running_.files.back());
    filling_.piece_counts.push_back(0);
  }
  const auto work = [this] { outcome_ = base::without_throwing([this] { return write_load(); }); };
  if (!base::start_thread(writer_, work)) work();
  return {};
}

Result<void> RestoreWindow::drain() {
  DRKIT_TRY(run());
  return wait();
}

Result<void> RestoreWindow::wait() {
  if (writer_.joinable()) writer_.join();
  return std::exchange(outcome_, {});
}

Result<void> RestoreWindow::write_load() {
  if (delta_) DRKIT_TRY(drop_equal_pieces());
  std::vector<Piece>& pieces = running_.pieces;
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return std::tie(a.frame.pack, a.frame.offset, a.chunk_offset, a.file, a.file_offset) <
           std::tie(b.frame.pack, b.frame.offset, b.chunk_offset, b.file, b.file_offset);
  });
  const std::vector<Batch> batches = make_batches();
  DRKIT_TRY(run_in_parallel(ctx_, impl_.budget.writers, batches.size(),
                            [&](std::size_t i) { return run_batch(batches[i]); }));
  for (const auto& file : running_.files) {
    if (file->left == 0 && !file->closed) DRKIT_TRY(close_file(*file));
  }
  return {};
}

// Pieces that the place already holds are neither fetched nor written.
Result<void> RestoreWindow::drop_equal_pieces() {
  const std::vector<std::size_t>& counts = running_.piece_counts;
  std::vector<std::size_t> first(counts.size() + 1, 0);
  std::partial_sum(counts.begin(), counts.end(), first.begin() + 1);
  DRKIT_TRY(run_in_parallel(ctx_, impl_.budget.threads, counts.size(), [&](std::size_t i) {
    return compare_file(*running_.files[i], std::span(running_.pieces).subspan(first[i], counts[i]));
  }));
  std::erase_if(running_.pieces, [](const Piece& piece) { return piece.length == 0; });
  return {};
}

// A kept piece gets length 0.
Result<void> RestoreWindow::compare_file(File& file, std::span<Piece> pieces) {
  DRKIT_ASSIGN(Sink * sink, sink_of(file));
  thread_local base::Buffer present;
  std::size_t kept = 0;
  for (Piece& piece : pieces) {
    DRKIT_TRY(ctx_.check_cancelled());
    // A part of a chunk has no id of its own to compare with.
    if (piece.length != piece.chunk_bytes) continue;
    present.clear();
    present.resize(piece.length);
    DRKIT_ASSIGN(const std::size_t got, sink->read_at(ctx_, piece.file_offset, present.writable()));
    if (got != piece.length || !chunks_->verify(piece.chunk, present.view(), piece.frame.pack)) continue;
    counters_.bytes_kept += piece.length;
    piece.length = 0;
    ++kept;
  }
  return file.left.fetch_sub(kept) == kept ? close_file(file) : Result<void>();
}

std::vector<RestoreWindow::Batch> RestoreWindow::make_batches() const {
  std::vector<Batch> batches;
  for (std::size_t i = 0; i < running_.pieces.size(); ++i) {
    const repo::FrameRef& frame = running_.pieces[i].frame;
    const std::uint64_t end = std::uint64_t{frame.offset} + frame.sealed_bytes;
    Batch* last = batches.empty() ? nullptr : &batches.back();
    const bool joins = last != nullptr && last->pack == frame.pack && end - last->begin <= kMaxFetchBytes &&
                       frame.offset <= last->end + kMaxFetchGap;
    if (!joins) {
      batches.push_back({i, i + 1, frame.pack, frame.offset, end});
      continue;
    }
    last->end_piece = i + 1;
    last->end = std::max(last->end, end);
  }
  return batches;
}

Result<void> RestoreWindow::run_batch(const Batch& batch) {
  if (abandoned_) return Error(ErrorCode::cancelled, "the restore has failed elsewhere");
  const std::uint64_t length = batch.end - batch.begin;
  auto fetched = chunks_->fetch(ctx_, batch.pack, batch.begin, length);
  if (!fetched) fetched = chunks_->fetch_again(ctx_, batch.pack, batch.begin, length, fetched.error());
  if (!fetched) {
    return write_elsewhere(std::span(running_.pieces).subspan(batch.first_piece, batch.end_piece - batch.first_piece),
                           fetched.error());
  }
  thread_local base::Buffer plain;
  for (std::size_t i = batch.first_piece; i < batch.end_piece;) {
    DRKIT_TRY(ctx_.check_cancelled());
    const repo::FrameRef& frame = running_.pieces[i].frame;
    std::size_t end = i + 1;
    while (end < batch.end_piece && running_.pieces[end].frame == frame) ++end;
    const auto offset = static_cast<std::size_t>(frame.offset - batch.begin);
    auto opened = chunks_->open_frame(frame, ByteView(*fetched).subspan(offset, frame.sealed_bytes), plain);
    if (!opened) {
      // The frame alone: twice a whole batch is more memory than each of the threads has.
      const auto again = chunks_->fetch_again(ctx_, batch.pack, frame.offset, frame.sealed_bytes, opened.error());
      if (again) opened = chunks_->open_frame(frame, *again, plain);
    }
    const auto pieces = std::span(running_.pieces).subspan(i, end - i);
    DRKIT_TRY(opened ? write_frame(pieces, plain.view()) : write_elsewhere(pieces, opened.error()));
    i = end;
  }
  return {};
}

// Where the copy that was looked for is bad: from others, if there are any.
Result<void> RestoreWindow::write_elsewhere(std::span<const Piece> pieces, const Error& why) {
  for (const Piece& piece : pieces) {
    DRKIT_TRY(ctx_.check_cancelled());
    File& file = *running_.files[piece.file];
    const auto chunk = chunks_->read_elsewhere(ctx_, piece.chunk, piece.frame, why);
    if (!chunk) return Error(chunk.error()).with("path", file.entry.path);
    if (piece.length > chunk->size() || piece.piece_offset > chunk->size() - piece.length) {
      return Error(ErrorCode::corrupt, "manifest: an extent exceeds its chunk").with("path", file.entry.path);
    }
    DRKIT_ASSIGN(Sink * sink, sink_of(file));
    DRKIT_TRY(sink->write_at(ctx_, piece.file_offset, ByteView(*chunk).subspan(piece.piece_offset, piece.length)));
    counters_.bytes_written += piece.length;
    DRKIT_TRY(piece_done(file));
  }
  return {};
}

Result<void> RestoreWindow::write_frame(std::span<const Piece> pieces, ByteView frame) {
  const format::ChunkId* verified = nullptr;
  for (const Piece& piece : pieces) {
    File& file = *running_.files[piece.file];
    const ByteView chunk = frame.subspan(piece.chunk_offset, piece.chunk_bytes);
    if (verified == nullptr || *verified != piece.chunk) {
      auto match = chunks_->verify(piece.chunk, chunk, piece.frame.pack);
      if (!match) {
        DRKIT_TRY(write_elsewhere(std::span(&piece, 1), match.error()));
        continue;
      }
      verified = &piece.chunk;
    }
    DRKIT_ASSIGN(Sink * sink, sink_of(file));
    DRKIT_TRY(sink->write_at(ctx_, piece.file_offset, chunk.subspan(piece.piece_offset, piece.length)));
    counters_.bytes_written += piece.length;
    DRKIT_TRY(piece_done(file));
  }
  return {};
}

Result<Sink*> RestoreWindow::sink_of(File& file) {
  const std::lock_guard lock(file.opening);
  if (!file.sink) {
    DRKIT_ASSIGN(file.sink, target_.open(ctx_, file.entry));
    if (!file.has_holes) DRKIT_TRY(file.sink->reserve(ctx_));
  }
  return file.sink.get();
}

// Whoever writes the last piece closes the file.
Result<void> RestoreWindow::piece_done(File& file) {
  return file.left.fetch_sub(1) == 1 ? close_file(file) : Result<void>();
}

Result<void> RestoreWindow::close_file(File& file) {
  DRKIT_ASSIGN(Sink * sink, sink_of(file));
  DRKIT_TRY(sink->close(ctx_));
  file.sink.reset();
  file.closed = true;
  const std::lock_guard lock(meter_mutex_);
  meter_.advance(file.entry.path, file.entry.size_bytes, 0);
  meter_.entry_done(file.entry.path);
  return {};
}

}  // namespace drkit::engine
