// Secret: bytes that are locked in memory, wiped when done with, and shown nowhere.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <drkit/export.hpp>
#include <drkit/result.hpp>

namespace drkit {

/// Owns secret bytes: a password, a key. There is deliberately no way to print one.
///
/// The bytes lie on pages of their own between guard pages, left out of core files, and are overwritten before they
/// are given back. They are locked against swapping as far as the process's limit allows (RLIMIT_MEMLOCK): past the
/// limit a secret is still guarded, wiped and kept out of core files, and merely may be swapped, since a host with
/// a low limit must still be able to restore.
/// Errors: std::bad_alloc when there is no memory at all.
/// Thread-safety: as a std::vector.
class DRKIT_API Secret {
 public:
  Secret() noexcept = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  /// Copies the bytes; the caller wipes its own.
  static Secret copy_of(ByteView bytes);
  static Secret from_text(std::string_view text);
  /// A secret of so many zero bytes, to be filled through writable().
  static Secret zeros(std::size_t size_bytes);

  ByteView view() const { return {data_, size_}; }
  std::span<std::byte> writable() { return {data_, size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Secret clone() const { return copy_of(view()); }

  /// Compares in a time that depends on the sizes alone.
  bool operator==(const Secret& other) const;

 private:
  void release() noexcept;

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace drkit
