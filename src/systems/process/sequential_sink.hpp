// Sinks that take their bytes in order.
#pragma once

#include <cstdint>

#include <drkit/spi/target.hpp>

namespace drkit::systems::process {

/// Turns write_at in order into plain writes; gaps and a missing end are filled with zeros.
/// Errors: invalid_argument for bytes before the place that was reached.
class SequentialSink : public Sink {
 public:
  explicit SequentialSink(std::uint64_t size_bytes) : size_bytes_(size_bytes) {}
  Result<void> write_at(const Context& ctx, std::uint64_t offset, ByteView bytes) final;
  Result<void> close(const Context& ctx) final;

 protected:
  virtual Result<void> write(const Context& ctx, ByteView bytes) = 0;
  virtual Result<void> finish(const Context& ctx) = 0;

 private:
  Result<void> fill_to(const Context& ctx, std::uint64_t offset);
  std::uint64_t size_bytes_;
  std::uint64_t position_ = 0;
};

/// What a target of streams says to an entry without content: the root directory is there, others have no place.
Result<void> refuse_node(const Entry& entry);

/// And to one that is to be opened.
Result<void> require_content(const Entry& entry);

}  // namespace drkit::systems::process
