// What the streams of one local backup add up to, and who still reads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/entry.hpp>

#include "systems/postgres/manifest_writer.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

/// Pages of one file whose checksum does not fit.
struct PageReport {
  struct TornPage {
    std::uint32_t block = 0;
    Lsn lsn = 0;
  };
  std::vector<TornPage> torn;        ///< newer than the start of the backup; the first of them
  std::vector<std::uint32_t> wrong;  ///< older: damage; the first of them
  std::uint64_t checked = 0;
  std::uint64_t torn_count = 0;
  std::uint64_t wrong_count = 0;
  static constexpr std::size_t kMaxListed = 100;
};

/// Thread-safety: any thread.
class LocalTally {
 public:
  explicit LocalTally(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  void begin_file();
  void end_file(ManifestLine line, const PageReport& pages);
  /// A stream went before its end: the backup cannot be finished.
  void abandon_file();
  /// A file that had no stream of its own.
  void add(ManifestLine line);

  /// Waits until no stream is being read. Errors: cancelled; precondition_failed when one was abandoned.
  Result<void> wait_until_idle(const Context& ctx);
  /// Waits until so many bytes may be read.
  Result<void> take(const Context& ctx, std::size_t bytes);

  /// A page said to be newer than the end of the backup is damaged too.
  std::vector<Problem> problems(Lsn end) const;
  std::vector<ManifestLine> take_lines();
  std::uint64_t pages_checked() const;
  std::uint64_t pages_torn() const;

 private:
  struct Reported {
    std::string path;
    PageReport pages;
  };

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  unsigned reading_ = 0;
  bool abandoned_ = false;
  std::vector<ManifestLine> lines_;
  std::vector<Reported> reports_;  ///< of files with pages that do not fit
  std::uint64_t checked_ = 0, torn_ = 0;
  const std::uint64_t bytes_per_second_;
  std::chrono::steady_clock::time_point free_from_{};
};

}  // namespace drkit::systems::postgres
