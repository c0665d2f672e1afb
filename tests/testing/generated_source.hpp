// Data that is made when it is read, and what a process took at its peak: for tests of bounds of memory.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include <drkit/spi/source.hpp>

#include "testing/seeded_random.hpp"

namespace drkit::testing {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// Bytes of a generator: random ones, or such that compress to about a third.
class GeneratedStream final : public Stream {
 public:
  GeneratedStream(std::uint64_t size, bool compressible) : left_(size), compressible_(compressible) {
    entry_.path = "generated";
    entry_.type = EntryType::stream;
    entry_.size_bytes = size;
  }
  const Entry& entry() const override { return entry_; }
  Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
    random_.fill(buffer.first(count));
    for (std::size_t i = 0; compressible_ && i < count; ++i) {
      if (i % 96 >= 32) buffer[i] = static_cast<std::byte>(i % 7);
    }
    left_ -= count;
    return ReadResult{count, 0};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  Entry entry_;
  std::uint64_t left_;
  const bool compressible_;
  SeededRandom random_{17};
};

class GeneratedSource final : public Source {
 public:
  GeneratedSource(std::uint64_t size, bool compressible) : size_(size), compressible_(compressible) {}
  SourceInfo info() const override { return {"generator", "generated", false, false}; }
  Result<void> begin(const Context&) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context&) override {
    if (std::exchange(given_, true)) return std::unique_ptr<Stream>();
    return std::unique_ptr<Stream>(std::make_unique<GeneratedStream>(size_, compressible_));
  }
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{}; }

 private:
  const std::uint64_t size_;
  const bool compressible_;
  bool given_ = false;
};

/// Of this process, since it began.
inline std::uint64_t peak_kib() {
  rusage usage{};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_maxrss) : 0;
}

}  // namespace drkit::testing
