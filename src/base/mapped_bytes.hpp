// MappedBytes: memory for something large and rare, given back to the system at once.
#pragma once

#include <drkit/result.hpp>

namespace drkit::base {

/// Grows at its end. An allocator would keep for later what a whole object took, and with it the process would be twice
/// as large as what it ever needs. Thread-safety: one thread at a time.
class MappedBytes {
 public:
  MappedBytes() = default;
  MappedBytes(const MappedBytes&) = delete;
  MappedBytes& operator=(const MappedBytes&) = delete;
  ~MappedBytes() { release(); }

  /// Errors: out_of_memory; what was there stays.
  Result<void> append(ByteView bytes);
  void release();
  std::size_t size() const { return size_; }
  ByteView view() const { return {data_, size_}; }

 private:
  Result<void> make_room(std::size_t bytes);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

}  // namespace drkit::base
