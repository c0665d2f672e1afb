#include "systems/filesystem/write_behind.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <system_error>

namespace drkit::systems::filesystem {
namespace {

// Enough for the disk to work in long stretches, little enough for the last sync to be short.
constexpr std::uint64_t kStretchBytes = std::uint64_t{64} << 20;
// What a file costs besides its bytes: its inode, its name, the rest of its last block.
constexpr std::uint64_t kFileBytes = 8192;

}  // namespace

WriteBehind::~WriteBehind() { stop(); }

void WriteBehind::start(int directory) {
  fd_ = base::UniqueFd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd_) return;
  try {
    thread_ = std::thread(&WriteBehind::work, this);
  } catch (const std::system_error&) {
    fd_ = base::UniqueFd();
  }
}

void WriteBehind::count(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  waiting_bytes_ += bytes + kFileBytes;
  if (waiting_bytes_ >= kStretchBytes) more_.notify_one();
}

void WriteBehind::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  more_.notify_one();
  thread_.join();
}

void WriteBehind::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock, [this] { return ending_ || waiting_bytes_ >= kStretchBytes; });
    if (ending_) return;
    waiting_bytes_ = 0;
    lock.unlock();
    static_cast<void>(base::sync_filesystem(fd_.get(), "."));
    lock.lock();
  }
}

}  // namespace drkit::systems::filesystem
