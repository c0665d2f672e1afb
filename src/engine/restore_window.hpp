// RestoreWindow: a bounded part of a restore, fetched pack by pack and written by several threads.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <drkit/restore.hpp>

#include "engine/progress_meter.hpp"
#include "repo/chunk_reader.hpp"
#include "repo/manifest_reader.hpp"

namespace drkit::engine {

/// Counters that several threads add to.
struct RestoreCounters {
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> bytes_kept{0};
};

/// Files are collected until full(), then run() begins to write them, while the next ones are collected: pieces in the
/// order of the packs, frames that lie side by side fetched together, each frame opened once. A file of very many
/// pieces goes through several runs. Thread-safety: one thread; run() uses others.
class RestoreWindow {
 public:
  RestoreWindow(const Context& ctx, Repository::Impl& impl, std::shared_ptr<repo::ChunkReader> chunks,
                RestoreTarget& target, bool delta)
      : ctx_(ctx), impl_(impl), chunks_(std::move(chunks)), target_(target), delta_(delta), meter_(ctx, "restore") {}
  ~RestoreWindow();
  RestoreWindow(const RestoreWindow&) = delete;
  RestoreWindow& operator=(const RestoreWindow&) = delete;

  void set_total(std::uint64_t bytes, std::uint64_t items) { meter_.set_total(bytes, items); }
  Result<void> add(const format::Record& record);
  bool full() const;
  /// Begins to write every file added, once those of the run before are written. Errors: those of the run before.
  Result<void> run();
  /// Writes and closes every file added.
  Result<void> drain();
  const RestoreCounters& counters() const { return counters_; }
  void finish() { meter_.finish(0); }

 private:
  struct File {
    Entry entry;
    bool adding = true;                 ///< more may come; the collecting thread's alone
    std::atomic<bool> has_holes{true};  ///< as far as is known
    std::atomic<std::size_t> left{1};   ///< pieces to be written, and one more while adding
    bool closed = false;
    std::mutex opening;
    std::unique_ptr<Sink> sink;
  };
  struct Piece {
    repo::FrameRef frame;
    std::uint32_t chunk_offset;  ///< of the chunk in the frame
    std::uint32_t chunk_bytes;
    std::uint32_t piece_offset;  ///< in the chunk
    std::uint32_t length;
    format::ChunkId chunk;
    std::uint64_t file_offset;
    std::uint32_t file;
  };
  /// Frames of one pack that are fetched with one call.
  struct Batch {
    std::size_t first_piece = 0;
    std::size_t end_piece = 0;
    std::uint32_t pack = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  /// What one run writes.
  struct Load {
    std::vector<std::shared_ptr<File>> files;
    std::vector<std::size_t> piece_counts;  ///< of each file, in this load
    std::vector<Piece> pieces;
    std::size_t large_files = 0;
    std::uint64_t bytes = 0;
  };

  Result<void> wait();
  Result<void> write_load();
  Result<void> drop_equal_pieces();
  Result<void> compare_file(File& file, std::span<Piece> pieces);
  std::vector<Batch> make_batches() const;
  Result<void> run_batch(const Batch& batch);
  Result<void> write_elsewhere(std::span<const Piece> pieces, const Error& why);
  Result<void> write_frame(std::span<const Piece> pieces, ByteView frame);
  Result<Sink*> sink_of(File& file);
  Result<void> piece_done(File& file);
  Result<void> close_file(File& file);

  const Context& ctx_;
  Repository::Impl& impl_;
  std::shared_ptr<repo::ChunkReader> chunks_;
  RestoreTarget& target_;
  const bool delta_;
  ProgressMeter meter_;
  std::mutex meter_mutex_;
  RestoreCounters counters_;
  Load filling_;
  Load running_;  ///< the writing threads' while there are some
  std::atomic<bool> abandoned_{false};
  Result<void> outcome_;  ///< of the last run
  std::thread writer_;
};

}  // namespace drkit::engine
