// PackUploader: finished packs to the storage in the background, then to the index.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/buffer.hpp"
#include "repo/impl.hpp"

namespace drkit::repo {

/// A pack being filled.
struct OpenPack {
  base::Buffer bytes;
  format::PackDirectory directory;
  std::size_t chunks = 0;
};

/// At most one pack waits while another is being put, so memory is bounded. After a failure nothing more is put.
/// Thread-safety: one caller.
class PackUploader {
 public:
  struct IdHash {
    std::size_t operator()(const format::ChunkId& id) const {
      std::size_t value;
      std::memcpy(&value, id.data(), sizeof value);
      return value;
    }
  };

  PackUploader(const Context& ctx, std::shared_ptr<Repository::Impl> impl, std::shared_ptr<Index> index);
  ~PackUploader();

  /// Takes a complete pack object. Blocks while the queue is full. Errors: of any put so far.
  Result<void> put(format::PackInfo info, base::Buffer bytes);
  /// Chunks that are in the index since the last call.
  std::vector<format::ChunkId> take_listed();
  /// Waits for every pack, then puts index objects for them. Errors: of any put.
  Result<void> flush();
  /// A buffer for the next pack.
  base::Buffer take_buffer() { return buffers_.take(); }
  std::uint64_t bytes_stored() const { return bytes_stored_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    format::PackInfo info;
    base::Buffer bytes;
  };
  void run();
  void upload_next(std::unique_lock<std::mutex>& lock);
  Result<void> put_one(Job& job);
  Result<void> put_index_objects();

  const Context& ctx_;
  std::shared_ptr<Repository::Impl> impl_;
  std::shared_ptr<Index> index_;
  base::BufferPool buffers_{3};
  std::atomic<std::uint64_t> bytes_stored_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  bool busy_ = false;
  bool stop_ = false;
  std::optional<Error> failure_;
  std::vector<format::ChunkId> listed_;
  std::vector<format::PackInfo> unindexed_;
  std::size_t unindexed_chunks_ = 0;
  std::thread thread_;
};

}  // namespace drkit::repo
