#include "base/mapped_bytes.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace drkit::base {
namespace {

constexpr std::size_t kStep = std::size_t{4} << 20;  // untouched pages cost nothing

}  // namespace

Result<void> MappedBytes::make_room(std::size_t bytes) {
  if (bytes <= room_ - size_) return {};
  const std::size_t wanted = (std::max(size_ + bytes, room_ + room_ / 2) + kStep - 1) / kStep * kStep;
  void* const grown = data_ == nullptr
                          ? ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                          : ::mremap(data_, room_, wanted, MREMAP_MAYMOVE);
  if (grown == MAP_FAILED) {
    return Error(ErrorCode::out_of_memory, "no memory for an object").with("bytes", std::to_string(wanted));
  }
  data_ = static_cast<std::byte*>(grown);
  room_ = wanted;
  return {};
}

Result<void> MappedBytes::append(ByteView bytes) {
  if (bytes.empty()) return {};
  DRKIT_TRY(make_room(bytes.size()));
  std::memcpy(data_ + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
  return {};
}

void MappedBytes::release() {
  if (data_ != nullptr) ::munmap(data_, room_);
  data_ = nullptr;
  size_ = 0;
  room_ = 0;
}

}  // namespace drkit::base
