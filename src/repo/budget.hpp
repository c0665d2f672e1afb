// Budget: how the memory given to an operation is shared out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>

namespace drkit::repo {

struct Budget {
  unsigned threads = 1;         ///< that compress and seal, or open and decode
  unsigned readers = 1;         ///< that read and hash files; each has a window of 5 MiB
  unsigned writers = 1;         ///< of a restore; while some wait for the disk, the others compute; 10 MiB each
  std::size_t frame_bytes = 0;  ///< a frame of data is closed when it holds this much: it compresses no better beyond
  std::size_t pack_bytes = 0;   ///< a pack is closed at this size; about three exist at once
  std::size_t frames_in_flight = 0;  ///< each holds up to about 5 MiB plain and as much sealed
  std::size_t spool_bytes = 0;       ///< records sorted in memory before they go to a temporary file
  std::size_t whole_bytes = 0;       ///< of a pack that is read at once because a part of it was bad
  std::size_t window_bytes = 0;      ///< plain bytes that a restore orders by pack at once

  static Budget of(std::uint64_t memory_bytes, unsigned parallel) {
    constexpr std::size_t kMiB = std::size_t{1} << 20;
    const auto memory = static_cast<std::size_t>(std::max<std::uint64_t>(memory_bytes, 64 * kMiB));
    const unsigned wanted = parallel != 0 ? parallel : std::max(1U, std::thread::hardware_concurrency());
    Budget budget;
    // A third of the memory is for frames, 6 MiB each, of which one is being filled; three a thread keep all busy.
    const std::size_t frames = memory / 3 / (6 * kMiB);
    budget.threads = std::clamp<unsigned>(wanted, 1, static_cast<unsigned>(std::max<std::size_t>(frames / 2, 1)));
    budget.frames_in_flight =
        std::max<std::size_t>(budget.threads + 1, std::min<std::size_t>(3 * budget.threads, frames - 1));
    budget.readers = memory < 128 * kMiB ? 1 : std::min(budget.threads, 4U);
    budget.writers = budget.threads + (memory < 128 * kMiB ? 1 : 2);
    budget.frame_bytes = kMiB;
    // What frames, window and compressor take is set aside first; the rest is for packs, with room for other things.
    budget.pack_bytes = std::clamp((memory - 32 * kMiB) / 7, 4 * kMiB, 16 * kMiB);
    budget.spool_bytes = memory / 16;
    budget.whole_bytes = memory / 8;
    budget.window_bytes = memory * 4;
    return budget;
  }
};

}  // namespace drkit::repo
