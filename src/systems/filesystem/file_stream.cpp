#include "systems/filesystem/file_stream.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "systems/filesystem/attributes.hpp"

namespace drkit::systems::filesystem {
namespace {

constexpr std::uint64_t kAdviseFrom = 256 * 1024;  // below it the kernel's own read-ahead covers the file

class EmptyStream final : public Stream {
 public:
  explicit EmptyStream(Entry entry) : entry_(std::move(entry)) {}
  const Entry& entry() const override { return entry_; }
  Result<ReadResult> read(const Context&, std::span<std::byte>) override { return ReadResult{}; }
  Result<void> close(const Context&) override { return {}; }

 private:
  Entry entry_;
};

class FileStream final : public Stream {
 public:
  FileStream(Entry entry, const struct stat& status, FilePlace place, std::shared_ptr<HardLinks> links)
      : entry_(std::move(entry)), status_(status), place_(std::move(place)), links_(std::move(links)) {}

  const Entry& entry() const override { return entry_; }

  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override {
    DRKIT_TRY(ctx.check_cancelled());
    auto result = read_some(buffer);
    if (!result.ok()) forget_link();
    return result;
  }

  Result<void> close(const Context& ctx) override {
    if (!fd_) return {};
    auto unchanged = check_unchanged(ctx);
    if (!unchanged.ok()) {
      forget_link();
      return unchanged;
    }
    return fd_.close(entry_.path);
  }

 private:
  Result<ReadResult> read_some(std::span<std::byte> buffer);
  Result<void> open();
  Result<ReadResult> skip_hole();
  Result<void> check_unchanged(const Context& ctx);
  bool same_content(const struct stat& now) const;
  void forget_link() {
    if (links_ && status_.st_nlink > 1) links_->forget(status_);
  }
  Error changed(std::string_view what) const {
    return Error(ErrorCode::precondition_failed, std::string(what)).with("path", printable(entry_.path));
  }

  Entry entry_;
  struct stat status_;
  FilePlace place_;
  std::shared_ptr<HardLinks> links_;
  UniqueFd fd_;
  bool sparse_ = false;
  std::uint64_t position_ = 0;
  std::uint64_t data_end_ = 0;  // of the extent that position_ is in
};

Result<void> FileStream::open() {
  // O_NONBLOCK: should a fifo have taken the name, opening it must not wait for a writer.
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  int fd = ::openat(place_.directory->get(), place_.name.c_str(), flags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = ::openat(place_.directory->get(), place_.name.c_str(), flags);
  if (fd < 0) return errno_error(errno, "open the file", entry_.path);
  fd_ = UniqueFd(fd);
  struct stat now;
  if (::fstat(fd, &now) != 0) return errno_error(errno, "look at the open file", entry_.path);
  if (now.st_dev != status_.st_dev || now.st_ino != status_.st_ino) {
    return changed("file was replaced before it was read");
  }
  if (!same_content(now)) return changed("file changed before it was read");
  sparse_ = static_cast<std::uint64_t>(now.st_blocks) * 512 < entry_.size_bytes;
  data_end_ = sparse_ ? 0 : entry_.size_bytes;
  if (entry_.size_bytes >= kAdviseFrom) {
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    ::posix_fadvise(fd, 0, static_cast<off_t>(std::min<std::uint64_t>(entry_.size_bytes, 8 << 20)),
                    POSIX_FADV_WILLNEED);
  }
  return {};
}

Result<ReadResult> FileStream::read_some(std::span<std::byte> buffer) {
  if (!fd_) DRKIT_TRY(open());
  if (position_ >= entry_.size_bytes) return ReadResult{};
  if (position_ >= data_end_) {
    DRKIT_ASSIGN(const ReadResult hole, skip_hole());
    if (hole.hole_bytes > 0) return hole;
  }
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), data_end_ - position_));
  DRKIT_ASSIGN(const std::size_t got, base::pread_full(fd_.get(), buffer.first(wanted), position_, entry_.path));
  if (got < wanted) return changed("file shrank while it was read");
  position_ += got;
  return ReadResult{got, 0};
}

// Moves to the next data, or finds where the data at position_ ends.
Result<ReadResult> FileStream::skip_hole() {
  const off_t data = ::lseek(fd_.get(), static_cast<off_t>(position_), SEEK_DATA);
  if (data < 0 && errno != ENXIO) return errno_error(errno, "look for data", entry_.path);
  const std::uint64_t start =
      data < 0 ? entry_.size_bytes : std::min(static_cast<std::uint64_t>(data), entry_.size_bytes);
  if (start > position_) {
    const std::uint64_t hole = start - position_;
    position_ = start;
    data_end_ = start;
    return ReadResult{0, hole};
  }
  const off_t end = ::lseek(fd_.get(), static_cast<off_t>(position_), SEEK_HOLE);
  if (end < 0) return errno_error(errno, "look for a hole", entry_.path);
  data_end_ = std::min(static_cast<std::uint64_t>(end), entry_.size_bytes);
  if (data_end_ <= position_) return changed("file changed while it was read");
  return ReadResult{};
}

bool FileStream::same_content(const struct stat& now) const {
  return now.st_size == status_.st_size && nanoseconds_of(now.st_mtim) == entry_.mtime_ns &&
         nanoseconds_of(now.st_ctim) == nanoseconds_of(status_.st_ctim);
}

// A write within the clock tick of the last change leaves no trace in ctime, and the next backup would take the file
// for unchanged. So the tick is let pass before the file is declared unchanged; only a file just written waits.
Result<void> FileStream::check_unchanged(const Context& ctx) {
  constexpr int kMaxWaits = 20;
  for (int wait = 0; wait < kMaxWaits; ++wait) {
    timespec now;
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    const std::int64_t age = nanoseconds_of(now) - nanoseconds_of(status_.st_ctim);
    if (age > 0 || age < -1'000'000'000) break;  // a time far ahead is another machine's clock
    DRKIT_TRY(ctx.clock->sleep_for(std::chrono::milliseconds(1), ctx.cancel));
  }
  struct stat status;
  if (::fstat(fd_.get(), &status) != 0) return errno_error(errno, "look at the open file", entry_.path);
  if (!same_content(status)) return changed("file changed while it was read");
  return {};
}

}  // namespace

std::unique_ptr<Stream> make_file_stream(Entry entry, const struct stat& status, FilePlace place,
                                         std::shared_ptr<HardLinks> links) {
  return std::make_unique<FileStream>(std::move(entry), status, std::move(place), std::move(links));
}

std::unique_ptr<Stream> make_empty_stream(Entry entry) { return std::make_unique<EmptyStream>(std::move(entry)); }

}  // namespace drkit::systems::filesystem
