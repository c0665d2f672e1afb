#include "repo/uploader.hpp"

#include "base/threads.hpp"
#include "crypto/sha256.hpp"
#include "repo/layout.hpp"

namespace drkit::repo {

PackUploader::PackUploader(const Context& ctx, std::shared_ptr<Repository::Impl> impl, std::shared_ptr<Index> index)
    : ctx_(ctx), impl_(std::move(impl)), index_(std::move(index)) {
  base::start_thread(thread_, [this] { run(); });
}

PackUploader::~PackUploader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> PackUploader::put(format::PackInfo info, base::Buffer bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || queue_.empty(); });
  if (failure_) return *failure_;
  queue_.push_back({std::move(info), std::move(bytes)});
  changed_.notify_all();
  if (!thread_.joinable()) upload_next(lock);
  return {};
}

std::vector<format::ChunkId> PackUploader::take_listed() {
  const std::lock_guard lock(mutex_);
  return std::exchange(listed_, {});
}

Result<void> PackUploader::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || (queue_.empty() && !busy_); });
  if (failure_) return *failure_;
  Result<void> listed = put_index_objects();
  if (!listed) failure_ = listed.error();
  return listed;
}

void PackUploader::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || (!queue_.empty() && !failure_); });
    if (stop_) return;
    upload_next(lock);
  }
}

void PackUploader::upload_next(std::unique_lock<std::mutex>& lock) {
  Job job = std::move(queue_.front());
  queue_.pop_front();
  busy_ = true;
  changed_.notify_all();
  lock.unlock();
  Result<void> result = base::without_throwing([&] { return put_one(job); });
  buffers_.give(std::move(job.bytes));
  lock.lock();
  busy_ = false;
  if (result) {
    for (const format::FrameEntry& frame : job.info.directory) unindexed_chunks_ += frame.chunks.size();
    unindexed_.push_back(std::move(job.info));
    if (unindexed_chunks_ >= kIndexChunks || unindexed_.size() >= kIndexPacks) result = put_index_objects();
  }
  if (!result) failure_ = std::move(result).error();
  changed_.notify_all();
}

Result<void> PackUploader::put_one(Job& job) {
  job.info.name = crypto::sha256(job.bytes.view());
  job.info.size_bytes = job.bytes.size();
  DRKIT_TRY(impl_->storage->put(ctx_, pack_key(job.info.type, job.info.name), job.bytes.view(), {}));
  bytes_stored_ += job.bytes.size();
  return {};
}

Result<void> PackUploader::put_index_objects() {
  if (unindexed_.empty()) return {};
  DRKIT_ASSIGN(const std::uint64_t size, impl_->list_packs(ctx_, *index_, unindexed_));
  bytes_stored_ += size;
  for (const format::PackInfo& pack : unindexed_) {
    for (const format::FrameEntry& frame : pack.directory) {
      for (const format::ChunkSlot& chunk : frame.chunks) listed_.push_back(chunk.id);
    }
  }
  unindexed_.clear();
  unindexed_chunks_ = 0;
  return {};
}

}  // namespace drkit::repo
