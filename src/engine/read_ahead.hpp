// ReadAhead: reads a source in a thread of its own, so that receiving and hashing overlap.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <drkit/spi/source.hpp>

#include "base/buffer.hpp"

namespace drkit::engine {

/// For sources that give one stream at a time, all of whose content is read. begin and finish of the inner source are
/// the caller's, before the first next and after the last. Memory: a few blocks of 1 MiB.
/// Thread-safety: as Source; the inner source is called by the thread alone, from the construction on.
class ReadAhead final : public Source {
 public:
  ReadAhead(const Context& ctx, Source& inner);
  /// Stops reading; waits for a call of the inner source that is under way.
  ~ReadAhead() override;

  SourceInfo info() const override { return inner_.info(); }
  Result<void> begin(const Context&) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context& ctx) override;
  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{}; }

 private:
  struct Item {
    /// broken: the stream, not the source.
    enum class Kind : std::uint8_t { entry, data, closed, broken, end, failed } kind = Kind::end;
    Entry entry;                 ///< entry
    base::Buffer data;           ///< data
    ReadResult rest;             ///< data: what the same read gave behind the bytes
    std::optional<Error> error;  ///< broken, failed; closed when close failed
  };
  class AheadStream;

  void run();
  bool read_stream(Stream& stream);
  /// False when nobody wants more.
  bool push(Item item);
  Item pop();

  const Context& ctx_;
  Source& inner_;
  const bool errors_are_partial_;
  base::BufferPool buffers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace drkit::engine
