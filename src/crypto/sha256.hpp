// SHA-256: of a buffer, of a stream, and of a chunked file together with its chunks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <drkit/entry.hpp>
#include <drkit/result.hpp>

namespace drkit::crypto {

using Digest = Sha256Digest;

/// A SHA-256 in progress: eight words, and the bytes that do not fill a block yet. Nothing here can fail.
struct Sha256State {
  std::array<std::uint32_t, 8> words{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::uint64_t bytes = 0;
  std::array<std::byte, 64> partial{};  ///< the first bytes % 64 are valid
};

/// Thread-safety: any thread.
Digest sha256(ByteView bytes);

/// Of two buffers of the same size: 1.45 times the cost of one where sha256_dual_available(), else twice.
/// Thread-safety: any thread.
std::array<Digest, 2> sha256_pair(ByteView first, ByteView second);

/// Hashes a stream. Copies are independent. Thread-safety: one thread at a time.
class Sha256 {
 public:
  void update(ByteView bytes);
  /// The digest of everything since the construction or the last finish(); then starts anew.
  Digest finish();

 private:
  Sha256State state_;
};

/// Whether this CPU runs the two hashes of ChunkedSha256 in one pass.
bool sha256_dual_available();

/// Hashes a file that comes chunk by chunk: gives the SHA-256 of every chunk and of the file.
///
/// A file's first chunk costs one hash, since up to there both states are the same. Later chunks cost 1.3 times one on
/// a CPU with SHA instructions where they start at multiples of 64 bytes of the file, 1.45 times elsewhere, and twice
/// on other CPUs. Thread-safety: one thread at a time.
class ChunkedSha256 {
 public:
  /// use_dual is for tests and measurements; true REQUIRES sha256_dual_available().
  explicit ChunkedSha256(bool use_dual = sha256_dual_available()) : use_dual_(use_dual) {}

  /// Appends a chunk to the file; the chunk's own SHA-256.
  Digest update(ByteView chunk);
  /// Appends a hole; no chunk. Takes as long as hashing so many bytes.
  void update_zeros(std::uint64_t count);
  /// The file's SHA-256; then starts anew.
  Digest finish();
  void reset();
  /// Bytes of the file so far.
  std::uint64_t position() const { return file_.bytes; }

 private:
  Sha256State file_;
  bool use_dual_;
};

}  // namespace drkit::crypto
