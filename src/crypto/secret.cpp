#include <drkit/secret.hpp>

#include <sodium.h>
#include <sys/mman.h>

#include <cstring>
#include <new>
#include <utility>

#include "crypto/sodium.hpp"

namespace drkit {
namespace {

// Some builds of the locked allocator fail, rather than go on unlocked, past RLIMIT_MEMLOCK. A mapping of our own keeps
// what can be kept: whole pages, out of core files, locked if possible.
std::byte* map_pages(std::size_t size) {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_DONTDUMP
  (void)madvise(pages, size, MADV_DONTDUMP);
#endif
  (void)mlock(pages, size);
  return static_cast<std::byte*>(pages);
}

}  // namespace

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, false)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    mapped_ = std::exchange(other.mapped_, false);
  }
  return *this;
}

Secret::~Secret() { release(); }

Secret Secret::zeros(std::size_t size_bytes) {
  Secret secret;
  if (size_bytes == 0) return secret;
  // Before its initialisation the allocator has no canary and does not know the page size.
  if (crypto::ready()) secret.data_ = static_cast<std::byte*>(sodium_malloc(size_bytes));
  if (secret.data_ == nullptr) {
    secret.data_ = map_pages(size_bytes);
    secret.mapped_ = true;
  }
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
  if (data_ == nullptr) return;
  if (mapped_) {
    sodium_memzero(data_, size_);
    (void)munmap(data_, size_);
  } else {
    sodium_free(data_);
  }
  data_ = nullptr;
  size_ = 0;
}

}  // namespace drkit
