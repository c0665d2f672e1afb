// A writer's memory at every step of its making: a call that fails, a process that ends. Never a wrong snapshot.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>

#include "crash/memory_tree.hpp"
#include "testing/os_faults.hpp"
#include "testing/process.hpp"
#include "testing/writer_place.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

/// What happens at the call of this number, of those that change something; and how many there were.
std::atomic<unsigned> chosen{0};
std::atomic<unsigned> calls{0};
std::atomic<bool> deadly{false};

bool strikes() {
  if (++calls != chosen) return false;
  if (deadly) ::_exit(99);
  errno = EIO;
  return true;
}

/// All of the process's changes to files pass by here.
class Trap {
 public:
  Trap(unsigned at, bool kills) {
    chosen = at;
    deadly = kills;
    calls = 0;
    const base::OsCalls& real = base::real_os_calls();
    static const base::OsCalls& calls_of = real;
    faults_->openat = [](int dir, const char* path, int flags, mode_t mode) {
      return (flags & O_CREAT) != 0 && strikes() ? -1 : calls_of.openat(dir, path, flags, mode);
    };
    faults_->write = [](int fd, const void* bytes, std::size_t size) {
      return strikes() ? ssize_t{-1} : calls_of.write(fd, bytes, size);
    };
    faults_->pwrite = [](int fd, const void* bytes, std::size_t size, off_t offset) {
      return strikes() ? ssize_t{-1} : calls_of.pwrite(fd, bytes, size, offset);
    };
    faults_->fsync = [](int fd) { return strikes() ? -1 : calls_of.fsync(fd); };
    faults_->mkdirat = [](int dir, const char* path, mode_t mode) {
      return strikes() ? -1 : calls_of.mkdirat(dir, path, mode);
    };
    faults_->renameat = [](int from, const char* a, int to, const char* b) {
      return strikes() ? -1 : calls_of.renameat(from, a, to, b);
    };
    faults_->renameat2 = [](int from, const char* a, int to, const char* b, unsigned flags) {
      return strikes() ? -1 : calls_of.renameat2(from, a, to, b, flags);
    };
  }
  static unsigned seen() { return calls; }

 private:
  OsFaults faults_;
};

Result<Snapshot> back_up(const WriterPlace& place, const MemoryTree& tree) {
  Repository writer = place.open_writer();
  return backup_tree(Context(), writer, tree);
}

void all_must_be_right(const WriterPlace& place, const std::vector<MemoryTree>& states) {
  const Repository full = place.open_full();
  const auto snapshots = full.snapshots(Context());
  REQUIRE_MESSAGE(snapshots.ok(), (snapshots.ok() ? "" : snapshots.error().to_string()));
  for (const Snapshot& snapshot : *snapshots) {
    const auto restored = restore_tree(Context(), full, snapshot);
    REQUIRE_MESSAGE(restored.ok(), (restored.ok() ? "" : restored.error().to_string()));
    CHECK(std::find(states.begin(), states.end(), *restored) != states.end());
  }
}

struct Night {
  std::vector<MemoryTree> states;
  Night() {
    states.push_back(random_tree(1, 6, 9000));
    for (const auto& [path, bytes] : random_tree(2, 300, 40)) states[0]["many/" + path] = bytes;
    for (std::uint64_t i = 1; i < 3; ++i) {
      states.push_back(states.back());
      states.back()["file-" + std::to_string(i)] = SeededRandom(100 + i).bytes(9500);
    }
  }
};

}  // namespace

TEST_CASE("whatever call fails, the backup is right or fails, and the next one is right") {
  const Night night;
  unsigned succeeded = 0;
  unsigned total = 1;
  for (unsigned at = 1; at <= total; ++at) {
    CAPTURE(at);
    WriterPlace place;
    REQUIRE(back_up(place, night.states[0]).ok());
    Repository writer = place.open_writer();
    {
      const Trap trap(at, false);
      succeeded += backup_tree(Context(), writer, night.states[1]).ok() ? 1 : 0;
      total = std::max(total, Trap::seen());
    }
    const auto next = back_up(place, night.states[2]);
    REQUIRE_MESSAGE(next.ok(), (next.ok() ? "" : next.error().to_string()));
    // The old memory or the new one: one or two files differ from it, and all others are taken over.
    CHECK(next->stats.files_unchanged >= 304);
    CHECK(next->stats.files_unchanged <= 305);
    CHECK(back_up(place, night.states[2])->stats.files_unchanged == 306);
    all_must_be_right(place, night.states);
  }
  MESSAGE(succeeded << " of " << total << " backups with a call that failed were made");
  CHECK(total > 10);
  CHECK(succeeded > 5);
}

TEST_CASE("at whatever call the process ends, the old memory is left or the new one") {
  const Night night;
  unsigned before = 0;
  unsigned after = 0;
  bool ended = false;
  for (unsigned at = 1; !ended; at += at < 30 ? 3 : 1) {
    CAPTURE(at);
    TempDir dir;
    WriterPlace place(*make_local_storage(dir / "repository", {.create = true}));
    REQUIRE(back_up(place, night.states[0]).ok());
    Child child([&] {
      OpenOptions options;
      options.credential.key = place.key.secret_key.clone();
      options.cache_directory = place.cache;
      auto writer = Repository::open(Context(), place.storage, std::move(options));
      if (!writer) return 1;
      const Trap trap(at, true);
      return backup_tree(Context(), *writer, night.states[1]).ok() ? 0 : 2;
    });
    REQUIRE(child.started());
    const int status = child.wait();
    REQUIRE((status == 0 || status == 99));
    ended = status == 0;
    const auto next = back_up(place, night.states[2]);
    REQUIRE_MESSAGE(next.ok(), (next.ok() ? "" : next.error().to_string()));
    CHECK(next->stats.files_unchanged >= 304);
    (next->stats.files_unchanged == 304 ? before : after) += 1;
    all_must_be_right(place, night.states);
  }
  MESSAGE(before << " times the old memory was left, " << after << " times the new one");
  CHECK(before > 5);
  CHECK(after > 1);
}
