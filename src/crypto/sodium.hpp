// Makes the cryptographic libraries ready for use.
#pragma once

#include <cstddef>
#include <span>

#include <drkit/result.hpp>

namespace drkit::crypto {

/// Initialises libsodium and looks up the algorithms used from libcrypto, once a process.
/// Errors: internal (no source of random bytes), unsupported (libcrypto without AES or ChaCha20-Poly1305).
/// Thread-safety: any thread, any number of times.
Result<void> ready();

/// Overwrites bytes, and is never optimised away.
void wipe(std::span<std::byte> bytes);

}  // namespace drkit::crypto
