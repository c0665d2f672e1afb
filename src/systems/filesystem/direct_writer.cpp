#include "systems/filesystem/direct_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace drkit::systems::filesystem {
namespace {

// The largest block of any disk that is around.
constexpr std::uint64_t kBlockBytes = 4096;
// Below, one more call and the wait for the disk cost more than the copy.
constexpr std::size_t kLeastBytes = std::size_t{256} << 10;

bool fits(ByteView bytes, std::uint64_t offset) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  return bytes.size() >= kLeastBytes && (address | offset | bytes.size()) % kBlockBytes == 0;
}

// Into blocks that a file has, several threads write at the same time; into a hole, one after the other, each waiting
// for the disk (ext4). Where the call is unknown the write makes the blocks.
int allocate(int fd, std::uint64_t offset, std::uint64_t length) {
  return ::fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length));
}

}  // namespace

Result<void> DirectWriter::reserve(int fd, std::string_view path) {
  if (size_bytes_ < kLeastBytes) return {};
  if (allocate(fd, 0, size_bytes_) == 0) {
    reserved_ = true;
  } else if (errno == ENOSPC || errno == EDQUOT) {
    return base::errno_error(errno, "take the room for the file", path);
  }
  return {};
}

int DirectWriter::open(int fd) {
  const std::lock_guard lock(mutex_);
  if (tried_) return fd_.get();
  tried_ = true;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  base::UniqueFd direct(::open(link.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC));
  // A file that has its length already need not be made longer by each write, one after the other.
  if (direct && ::ftruncate(fd, static_cast<off_t>(size_bytes_)) == 0) fd_ = std::move(direct);
  return fd_.get();
}

Result<bool> DirectWriter::write(int fd, ByteView bytes, std::uint64_t offset, std::string_view path) {
  if (!fits(bytes, offset)) return false;
  const int direct = open(fd);
  if (direct < 0) return false;
  if (!reserved_) static_cast<void>(allocate(direct, offset, bytes.size()));
  const auto written = base::pwrite_full(direct, bytes, offset, path);
  if (written) return true;
  // Some file systems say only now that they cannot; and after a write that fell short the rest may be no whole block.
  const ErrorCode code = written.error().code();
  if (code == ErrorCode::invalid_argument || code == ErrorCode::unsupported) return false;
  return written.error();
}

}  // namespace drkit::systems::filesystem
