// ContentWalk: the content of many files in path order, fetched and opened ahead by several threads.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <drkit/spi/check.hpp>

#include "base/buffer.hpp"
#include "base/ordered_pool.hpp"
#include "engine/snapshot_reader.hpp"

namespace drkit::engine {

/// Gives every chunk to the observers, verified; damage becomes findings that name the file and the object.
/// Thread-safety: one thread.
class ContentWalk {
 public:
  ContentWalk(const Context& ctx, SnapshotReader reader, std::vector<ContentObserver*> observers,
              const FindingSink& report);

  /// Errors: the storage's; damage is no error.
  Result<void> add(const format::Record& record);
  Result<void> finish();
  std::uint64_t chunks() const { return chunk_count_; }

 private:
  struct Wanted {
    format::ChunkId id{};
    std::uint32_t offset = 0;  ///< in the frame
    std::uint32_t bytes = 0;
  };
  struct Job {
    repo::FrameRef frame;
    std::vector<Wanted> chunks;
  };
  struct Opened {
    repo::FrameRef frame;
    base::Buffer plain;
    Result<void> result;                 ///< of the frame
    std::vector<Result<void>> verified;  ///< of the chunks
  };
  /// One step of the output, done in order.
  struct Step {
    enum class Kind : std::uint8_t { begin, hole, piece, lost, end } kind = Kind::begin;
    std::shared_ptr<const Entry> entry;
    std::uint64_t job = 0;           ///< piece
    std::size_t chunk = 0;           ///< piece: index in the job
    std::uint32_t piece_offset = 0;  ///< piece: in the frame
    format::ChunkId id{};            ///< piece
    std::uint32_t chunk_offset = 0;  ///< piece: in the chunk
    std::uint64_t bytes = 0;         ///< hole, piece
    std::string message;             ///< lost
  };

  Opened open(Job&& job);
  Result<void> add_piece(std::shared_ptr<const Entry> entry, const format::Extent& extent);
  Result<void> push_job();
  Result<void> take_steps(std::size_t keep);
  Result<void> take(const Step& step);
  Result<void> take_piece(const Step& step);
  Result<void> take_other_copy(const Step& step, const Error& why);
  Result<void> give_zeros(std::uint64_t count);
  void lose(const Entry& entry, const Error& error);

  const Context& ctx_;
  SnapshotReader reader_;
  std::vector<ContentObserver*> observers_;
  const FindingSink& report_;
  base::BufferPool buffers_;
  Job job_;  ///< being gathered, number jobs_pushed_
  std::uint64_t jobs_pushed_ = 0;
  std::uint64_t jobs_taken_ = 0;
  Opened current_;  ///< result of job number jobs_taken_ - 1
  std::deque<Step> steps_;
  std::uint64_t chunk_count_ = 0;
  bool readable_ = true;
  base::OrderedPool<Job, Opened> pool_;
};

}  // namespace drkit::engine
