// Starts the writing to disk while a restore still goes on, so that little is left for the sync that ends it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "base/posix_file.hpp"

namespace drkit::systems::filesystem {

/// Syncs a file system in the background whenever enough new data waits in memory. What fails here fails again at the
/// caller's own sync, which goes through another descriptor and is the one that counts. Thread-safety: count() from any
/// thread, start() and stop() from one.
class WriteBehind {
 public:
  WriteBehind() = default;
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  /// directory: of the file system. Without a thread or a descriptor nothing happens early, which is no error.
  void start(int directory);
  /// New bytes are being written.
  void count(std::uint64_t bytes);
  /// Waits for a sync that runs and ends the thread.
  void stop();

 private:
  void work();

  base::UniqueFd fd_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::uint64_t waiting_bytes_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace drkit::systems::filesystem
