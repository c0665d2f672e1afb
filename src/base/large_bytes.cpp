#include "base/large_bytes.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace drkit::base {
namespace {

constexpr std::size_t kLarge = std::size_t{4} << 20;
constexpr std::uintptr_t kPage = 4096;

}  // namespace

void reserve_large(Bytes& bytes, std::size_t size) {
  if (size <= bytes.capacity()) return;
  bytes.reserve(size);
  if (size < kLarge) return;
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size();
  const std::uintptr_t first = (begin + kPage - 1) / kPage * kPage;
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(bytes.data()) + size;
  // A hint: a system without them says no.
  static_cast<void>(::madvise(reinterpret_cast<void*>(first), (end - first) / kPage * kPage, MADV_HUGEPAGE));
}

}  // namespace drkit::base
