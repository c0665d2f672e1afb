// Buffer: bytes that are not zeroed before they are filled, and a pool that reuses them.
#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include <drkit/result.hpp>

namespace drkit::base {

/// Grows without initialising: zeroing and faulting in fresh pages costs more than sealing them. Starts at a page, so
/// that it may be written past the page cache.
class Buffer {
 public:
  std::byte* data() { return data_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  ByteView view() const { return {data_.get(), size_}; }
  std::span<std::byte> writable() { return {data_.get(), size_}; }
  std::span<std::byte> room() { return {data_.get() + size_, capacity_ - size_}; }

  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    Memory grown = allocate(capacity);
    if (size_ > 0) std::memcpy(grown.get(), data_.get(), size_);
    data_ = std::move(grown);
    capacity_ = capacity;
  }
  /// New bytes at the end are not initialised.
  void resize(std::size_t size) {
    if (size > capacity_) reserve(size > 2 * capacity_ ? size : 2 * capacity_);
    size_ = size;
  }
  void append(ByteView bytes) {
    const std::size_t old = size_;
    resize(old + bytes.size());
    if (!bytes.empty()) std::memcpy(data_.get() + old, bytes.data(), bytes.size());
  }
  /// Drops bytes at the front.
  void consume(std::size_t count) {
    if (count < size_) std::memmove(data_.get(), data_.get() + count, size_ - count);
    size_ -= count;
  }
  void clear() { size_ = 0; }

 private:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kLargePage = std::size_t{2} << 20;
  static constexpr std::size_t kLargeBytes = std::size_t{16} << 20;
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<std::byte, Free>;

  // The first touch of thousands of small pages costs as much as sealing what they hold; large ones are only asked for.
  static Memory allocate(std::size_t capacity) {
    const std::size_t alignment = capacity >= kLargeBytes ? kLargePage : kPage;
    const std::size_t rounded = (capacity + alignment - 1) / alignment * alignment;
    Memory memory(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded)));
    if (!memory) throw std::bad_alloc();
    if (alignment == kLargePage) ::madvise(memory.get(), rounded, MADV_HUGEPAGE);
    return memory;
  }

  Memory data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Thread-safety: any thread.
class BufferPool {
 public:
  explicit BufferPool(std::size_t keep) : keep_(keep) {}
  /// An empty buffer, with the capacity of its last use.
  Buffer take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return {};
    Buffer buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }
  void give(Buffer buffer) {
    buffer.clear();
    const std::lock_guard lock(mutex_);
    if (free_.size() < keep_) free_.push_back(std::move(buffer));
  }

 private:
  std::mutex mutex_;
  std::size_t keep_;
  std::vector<Buffer> free_;
};

}  // namespace drkit::base
