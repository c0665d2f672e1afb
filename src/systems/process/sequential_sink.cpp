#include "systems/process/sequential_sink.hpp"

#include <algorithm>

namespace drkit::systems::process {

Result<void> SequentialSink::write_at(const Context& ctx, std::uint64_t offset, ByteView bytes) {
  if (offset < position_) {
    return Error(ErrorCode::invalid_argument, "bytes for a sequential target came out of order");
  }
  DRKIT_TRY(fill_to(ctx, offset));
  DRKIT_TRY(write(ctx, bytes));
  position_ += bytes.size();
  return {};
}

Result<void> SequentialSink::fill_to(const Context& ctx, std::uint64_t offset) {
  if (offset <= position_) return {};
  const Bytes zeros(static_cast<std::size_t>(std::min<std::uint64_t>(64 * 1024, offset - position_)));
  while (position_ < offset) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), offset - position_));
    DRKIT_TRY(write(ctx, ByteView(zeros).first(part)));
    position_ += part;
  }
  return {};
}

Result<void> SequentialSink::close(const Context& ctx) {
  DRKIT_TRY(fill_to(ctx, size_bytes_));
  return finish(ctx);
}

Result<void> refuse_node(const Entry& entry) {
  if (entry.type == EntryType::directory && entry.path.empty()) return {};
  return Error(ErrorCode::unsupported, "target takes the content of files only").with("path", entry.path);
}

Result<void> require_content(const Entry& entry) {
  if (entry.type == EntryType::regular || entry.type == EntryType::stream) return {};
  return Error(ErrorCode::invalid_argument, "entry has no content").with("path", entry.path);
}

}  // namespace drkit::systems::process
