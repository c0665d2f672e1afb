#include <drkit/secret.hpp>

#include <sodium.h>

#include <cstring>
#include <new>
#include <utility>

namespace drkit {

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { release(); }

Secret Secret::zeros(std::size_t size_bytes) {
  Secret secret;
  if (size_bytes == 0) return secret;
  // Before its initialisation the allocator has no canary and does not know the page size. It goes on unlocked past
  // RLIMIT_MEMLOCK, so that null means that there is no memory at all.
  if (sodium_init() >= 0) secret.data_ = static_cast<std::byte*>(sodium_malloc(size_bytes));
  if (secret.data_ == nullptr) throw std::bad_alloc();
  secret.size_ = size_bytes;
  std::memset(secret.data_, 0, size_bytes);
  return secret;
}

Secret Secret::copy_of(ByteView bytes) {
  Secret secret = zeros(bytes.size());
  if (!bytes.empty()) std::memcpy(secret.data_, bytes.data(), bytes.size());
  return secret;
}

Secret Secret::from_text(std::string_view text) { return copy_of(as_bytes(text)); }

bool Secret::operator==(const Secret& other) const {
  return size_ == other.size_ && (size_ == 0 || sodium_memcmp(data_, other.data_, size_) == 0);
}

void Secret::release() noexcept {
  sodium_free(data_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace drkit
