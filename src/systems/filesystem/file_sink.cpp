#include "systems/filesystem/file_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <vector>

#include "systems/filesystem/byte_ranges.hpp"
#include "systems/filesystem/direct_writer.hpp"
#include "systems/filesystem/target_path.hpp"

namespace drkit::systems::filesystem {
namespace {

class FileSink final : public Sink {
 public:
  FileSink(Entry entry, OpenedFile file, const AttributePolicy& policy, WriteBehind* write_behind)
      : entry_(std::move(entry)),
        file_(std::move(file)),
        policy_(policy),
        write_behind_(write_behind),
        direct_(entry_.size_bytes) {}

  ~FileSink() override {
    if (closed_ || (file_.existed && !touched_)) return;
    ::unlinkat(file_.directory->get(), name().c_str(), 0);
  }

  Result<void> write_at(const Context& ctx, std::uint64_t offset, ByteView bytes) override {
    DRKIT_TRY(ctx.check_cancelled());
    const std::uint64_t end = offset + bytes.size();
    if (end < offset || (entry_.type == EntryType::regular && end > entry_.size_bytes)) {
      return Error(ErrorCode::corrupt, "content goes beyond the size of the file").with("path", printable(entry_.path));
    }
    touched_ = true;
    DRKIT_TRY(put(bytes, offset));
    std::uint64_t seen = end_.load(std::memory_order_relaxed);
    while (seen < end && !end_.compare_exchange_weak(seen, end, std::memory_order_relaxed)) {
    }
    cover(offset, end);
    return {};
  }

  Result<std::size_t> read_at(const Context& ctx, std::uint64_t offset, std::span<std::byte> buffer) override {
    if (!file_.existed) return std::size_t{0};
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_ASSIGN(const std::size_t got, base::pread_full(file_.fd.get(), buffer, offset, entry_.path));
    cover(offset, offset + got);
    return got;
  }

  Result<void> close(const Context& ctx) override;

 private:
  std::string name() const { return std::string(split_path(entry_.path).name); }
  Result<void> put(ByteView bytes, std::uint64_t offset) {
    if (!file_.existed && entry_.type == EntryType::regular) {
      DRKIT_ASSIGN(const bool done, direct_.write(file_.fd.get(), bytes, offset, entry_.path));
      if (done) return {};
    }
    if (write_behind_ != nullptr) write_behind_->count(bytes.size());
    return base::pwrite_full(file_.fd.get(), bytes, offset, entry_.path);
  }
  void cover(std::uint64_t start, std::uint64_t end) {
    if (!file_.existed) return;
    const std::lock_guard lock(mutex_);
    covered_.add(start, end);
  }
  Result<void> set_length();
  Result<void> clear_gaps();
  int clear(std::uint64_t start, std::uint64_t end);

  Entry entry_;
  OpenedFile file_;
  AttributePolicy policy_;
  WriteBehind* write_behind_;
  DirectWriter direct_;
  std::atomic<std::uint64_t> end_{0};
  std::atomic<bool> touched_{false};
  std::mutex mutex_;
  ByteRanges covered_;
  bool closed_ = false;
};

Result<void> FileSink::close(const Context& ctx) {
  DRKIT_TRY(set_length());
  if (entry_.type == EntryType::regular) DRKIT_TRY(apply_to_fd(ctx, policy_, file_.fd.get(), entry_));
  DRKIT_TRY(file_.fd.close(entry_.path));
  closed_ = true;
  return {};
}

Result<void> FileSink::set_length() {
  const std::uint64_t size = std::max(entry_.size_bytes, end_.load());
  if (!file_.existed && end_ == size) return {};
  if (file_.existed) {
    struct stat status;
    if (::fstat(file_.fd.get(), &status) != 0) return errno_error(errno, "look at the restored file", entry_.path);
    DRKIT_TRY(clear_gaps());
    if (static_cast<std::uint64_t>(status.st_size) == size) return {};
  }
  touched_ = true;
  if (::ftruncate(file_.fd.get(), static_cast<off_t>(size)) != 0) {
    return errno_error(errno, "set the length", entry_.path);
  }
  return {};
}

// What was neither written nor read is a hole of the restored file, whatever the old file held there.
Result<void> FileSink::clear_gaps() {
  struct stat status;
  if (::fstat(file_.fd.get(), &status) != 0) return errno_error(errno, "look at the restored file", entry_.path);
  const std::uint64_t end = std::min(static_cast<std::uint64_t>(status.st_size), entry_.size_bytes);
  const int failed =
      covered_.each_gap(end, [this](std::uint64_t start, std::uint64_t stop) { return clear(start, stop); });
  if (failed != 0) return errno_error(failed, "make a hole", entry_.path);
  return {};
}

int FileSink::clear(std::uint64_t start, std::uint64_t end) {
  const int fd = file_.fd.get();
  const off_t data = ::lseek(fd, static_cast<off_t>(start), SEEK_DATA);
  if (data < 0 ? errno == ENXIO : static_cast<std::uint64_t>(data) >= end) return 0;  // a hole already
  touched_ = true;
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (::fallocate(fd, mode, static_cast<off_t>(start), static_cast<off_t>(end - start)) == 0) return 0;
  if (errno != EOPNOTSUPP) return errno;
  const std::vector<std::byte> zeros(64 * 1024);
  while (start < end) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), end - start));
    const ssize_t put = ::pwrite(fd, zeros.data(), part, static_cast<off_t>(start));
    if (put < 0 && errno != EINTR) return errno;
    if (put > 0) start += static_cast<std::uint64_t>(put);
  }
  return 0;
}

}  // namespace

std::unique_ptr<Sink> make_file_sink(Entry entry, OpenedFile file, const AttributePolicy& policy,
                                     WriteBehind* write_behind) {
  return std::make_unique<FileSink>(std::move(entry), std::move(file), policy, write_behind);
}

}  // namespace drkit::systems::filesystem
