// Random: where keys, nonces and names come from; tests give a deterministic one.
#pragma once

#include <cstddef>
#include <span>

#include <drkit/result.hpp>

namespace drkit::crypto {

/// Thread-safety: as the implementation says.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> bytes) = 0;
};

/// The operating system's generator. Thread-safety: any thread.
Random& system_random();

/// So many bytes of system_random().
Bytes random_bytes(std::size_t count);

}  // namespace drkit::crypto
