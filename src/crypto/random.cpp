#include "crypto/random.hpp"

#include <sodium.h>

#include "crypto/sodium.hpp"

namespace drkit::crypto {
namespace {

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> bytes) override {
    if (bytes.empty()) return;
    (void)ready();
    randombytes_buf(bytes.data(), bytes.size());
  }
};

}  // namespace

Random& system_random() {
  static SystemRandom random;
  return random;
}

Bytes random_bytes(std::size_t count) {
  Bytes bytes(count);
  system_random().fill(bytes);
  return bytes;
}

}  // namespace drkit::crypto
