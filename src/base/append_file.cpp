#include "base/append_file.hpp"

#include <algorithm>
#include <array>

namespace drkit::base {
namespace {

// What lies ahead costs a sync that waits for it; more of them are cheaper than fewer that last.
constexpr std::uint64_t kAheadBytes = std::uint64_t{256} << 10;

}  // namespace

// Where there is no room for them, there may be for the bytes alone.
void AppendFile::write_zeros(std::uint64_t upto) {
  static constexpr std::array<std::byte, (std::size_t{64} << 10)> kZeros{};
  const std::uint64_t wanted = std::min(zeros_until_, (upto + kAheadBytes - 1) / kAheadBytes * kAheadBytes);
  for (zeroed_ = std::max(zeroed_, end_); zeroed_ < wanted;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kZeros.size(), wanted - zeroed_));
    if (!pwrite_full(fd_.get(), ByteView(kZeros).first(count), zeroed_, path_)) return;
    zeroed_ += count;
  }
}

Result<void> AppendFile::append(ByteView bytes) {
  if (end_ + bytes.size() > zeroed_) write_zeros(end_ + bytes.size());
  DRKIT_TRY(pwrite_full(fd_.get(), bytes, end_, path_));
  end_ += bytes.size();
  return {};
}

Result<void> AppendFile::sync() { return fdatasync_file(fd_.get(), path_); }

}  // namespace drkit::base
