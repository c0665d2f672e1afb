// Chunker: where a stream is cut into chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <drkit/result.hpp>
#include <drkit/secret.hpp>

namespace drkit::chunk {

/// Thread-safety: one thread at a time.
class Chunker {
 public:
  virtual ~Chunker() = default;
  /// Length of the next chunk, which starts at the window's start; 0 when more input is needed, or at the very end.
  /// After 0 the next window must begin with the same bytes and hold more (or at_end is now true); what was looked at
  /// is not looked at again. After a cut the next window begins where the chunk ended. A window of max_chunk_bytes(),
  /// or at_end, never gives 0 (unless empty). Cuts do not depend on how the input was split into windows.
  virtual std::size_t next_cut(ByteView window, bool at_end) = 0;
  virtual std::size_t max_chunk_bytes() const = 0;
  /// Forgets the stream; another one begins.
  virtual void reset() = 0;
};

/// Chunks of exactly so many bytes (at least 1), but for the last.
std::unique_ptr<Chunker> make_fixed_chunker(std::size_t chunk_bytes);

struct ContentParams {
  std::size_t min_bytes = std::size_t{256} << 10;
  std::size_t average_bytes = std::size_t{1} << 20;
  std::size_t max_bytes = std::size_t{4} << 20;
  bool operator==(const ContentParams&) const = default;
};

/// 64 < min < average <= max <= 64 MiB, and average - min >= 64: to be asked before parameters from outside are used.
bool content_params_acceptable(const ContentParams& params);

/// Cuts where the contents say so: equal parts of two streams give equal chunks wherever they lie.
/// Whoever sees the sizes of the chunks learns neither the key nor where other cuts would lie (content_chunker.cpp).
/// REQUIRES: crypto::ready() succeeded; content_params_acceptable(params), else the defaults are used; a key of 32
/// bytes, else the cuts follow a random key.
std::unique_ptr<Chunker> make_content_chunker(const Secret& chunker_key, const ContentParams& params = {});

/// Whether a file is made of PostgreSQL's 8 KiB pages (a relation or a WAL segment), to be cut at fixed, page-aligned
/// places: changes there never move bytes. `head` is the file's beginning, 64 KiB or more if the file has them.
bool looks_like_postgres_pages(ByteView head, std::uint64_t file_size);

}  // namespace drkit::chunk
