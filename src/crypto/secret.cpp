#include <drkit/secret.hpp>

#include <sodium.h>

#include <array>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

namespace drkit {
namespace {

/// Wiped memory of keys for the next ones. Guard pages and a lock take ten system calls each time, half of what it
/// takes to seal a small object. Thread-safety: every member may be called concurrently.
class KeyStock {
 public:
  static constexpr std::size_t kKeyBytes = 32;

  std::byte* take() {
    const std::lock_guard lock(mutex_);
    return count_ == 0 ? nullptr : kept_[--count_];
  }
  // False when it holds enough: RLIMIT_MEMLOCK is small.
  bool keep(std::byte* wiped) {
    const std::lock_guard lock(mutex_);
    if (count_ == kept_.size()) return false;
    kept_[count_++] = wiped;
    return true;
  }

 private:
  std::mutex mutex_;
  std::array<std::byte*, 8> kept_{};
  std::size_t count_ = 0;
};

// Never destroyed: secrets of static objects are released after everything else.
KeyStock& key_stock() {
  static KeyStock* const stock = new KeyStock;
  return *stock;
}

std::byte* allocate(std::size_t size_bytes) {
  if (size_bytes == KeyStock::kKeyBytes) {
    if (std::byte* const kept = key_stock().take()) return kept;
  }
  // Before its initialisation the allocator has no canary and does not know the page size. It goes on unlocked past
  // RLIMIT_MEMLOCK, so that null means that there is no memory at all.
  return sodium_init() < 0 ? nullptr : static_cast<std::byte*>(sodium_malloc(size_bytes));
}

}  // namespace

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
  secret.data_ = allocate(size_bytes);
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
  if (data_ != nullptr) sodium_memzero(data_, size_);
  if (size_ != KeyStock::kKeyBytes || !key_stock().keep(data_)) sodium_free(data_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace drkit
