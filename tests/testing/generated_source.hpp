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

enum class Generated : std::uint8_t {
  random,
  compressible,  ///< to about a third
  long_runs,     ///< of equal bytes, so that next to no place is one to cut at: every chunk is as long as one may be
};

/// Bytes of a generator.
class GeneratedStream final : public Stream {
 public:
  GeneratedStream(std::uint64_t size, Generated kind) : left_(size), kind_(kind) {
    entry_.path = "generated";
    entry_.type = EntryType::stream;
    entry_.size_bytes = size;
  }
  const Entry& entry() const override { return entry_; }
  Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
    if (kind_ != Generated::long_runs) random_.fill(buffer.first(count));
    for (std::size_t i = 0; kind_ == Generated::compressible && i < count; ++i) {
      if (i % 96 >= 32) buffer[i] = static_cast<std::byte>(i % 7);
    }
    for (std::size_t i = 0; kind_ == Generated::long_runs && i < count; ++i) buffer[i] = run_at(left_ - i);
    left_ -= count;
    return ReadResult{count, 0};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  static std::byte run_at(std::uint64_t position) {
    constexpr std::uint64_t kRun = std::uint64_t{64} << 10;
    return static_cast<std::byte>((position / kRun * 0x9e3779b97f4a7c15U) >> 56);
  }

  Entry entry_;
  std::uint64_t left_;
  const Generated kind_;
  SeededRandom random_{17};
};

class GeneratedSource final : public Source {
 public:
  GeneratedSource(std::uint64_t size, Generated kind) : size_(size), kind_(kind) {}
  SourceInfo info() const override { return {"generator", "generated", false, false}; }
  Result<void> begin(const Context&) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context&) override {
    if (std::exchange(given_, true)) return std::unique_ptr<Stream>();
    return std::unique_ptr<Stream>(std::make_unique<GeneratedStream>(size_, kind_));
  }
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{}; }

 private:
  const std::uint64_t size_;
  const Generated kind_;
  bool given_ = false;
};

/// Of this process, since it began.
inline std::uint64_t peak_kib() {
  rusage usage{};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_maxrss) : 0;
}

}  // namespace drkit::testing
