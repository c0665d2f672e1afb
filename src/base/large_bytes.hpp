// Large buffers in large pages.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <drkit/result.hpp>

namespace drkit::base {

/// As bytes.reserve. Megabytes are asked for in large pages where the system has them: the first touch of each page
/// interrupts the program, 4096 times in 16 MiB, which costs as much as compressing them.
void reserve_large(Bytes& bytes, std::size_t size);

/// Memory that nobody has written to: of megabytes only what is used costs anything.
class LargeBuffer {
 public:
  /// Undefined content; what was in it is gone when it had to grow.
  std::span<std::byte> room(std::size_t size);
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace drkit::base
