#include <algorithm>

#include "chunk/chunker.hpp"

namespace drkit::chunk {
namespace {

class FixedChunker final : public Chunker {
 public:
  explicit FixedChunker(std::size_t chunk_bytes) : chunk_bytes_(std::max<std::size_t>(chunk_bytes, 1)) {}

  std::size_t next_cut(ByteView window, bool at_end) override {
    if (window.size() >= chunk_bytes_) return chunk_bytes_;
    return at_end ? window.size() : 0;
  }
  std::size_t max_chunk_bytes() const override { return chunk_bytes_; }
  void reset() override {}

 private:
  std::size_t chunk_bytes_;
};

}  // namespace

std::unique_ptr<Chunker> make_fixed_chunker(std::size_t chunk_bytes) {
  return std::make_unique<FixedChunker>(chunk_bytes);
}

}  // namespace drkit::chunk
