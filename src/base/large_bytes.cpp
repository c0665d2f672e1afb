#include "base/large_bytes.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace drkit::base {
namespace {

constexpr std::size_t kLarge = std::size_t{4} << 20;
constexpr std::uintptr_t kPage = 4096;

// A hint: a system without them says no.
void ask_for_large_pages(const std::byte* begin, const std::byte* end) {
  if (static_cast<std::size_t>(end - begin) < kLarge) return;
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + kPage - 1) / kPage * kPage;
  const auto size = (reinterpret_cast<std::uintptr_t>(end) - first) / kPage * kPage;
  static_cast<void>(::madvise(reinterpret_cast<void*>(first), size, MADV_HUGEPAGE));
}

}  // namespace

void reserve_large(Bytes& bytes, std::size_t size) {
  if (size <= bytes.capacity()) return;
  bytes.reserve(size);
  ask_for_large_pages(bytes.data() + bytes.size(), bytes.data() + size);
}

std::span<std::byte> LargeBuffer::room(std::size_t size) {
  if (size > size_) {
    bytes_.reset();
    bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
    size_ = size;
    ask_for_large_pages(bytes_.get(), bytes_.get() + size);
  }
  return {bytes_.get(), size};
}

}  // namespace drkit::base
