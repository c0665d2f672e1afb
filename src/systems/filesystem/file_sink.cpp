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

// What a file may take besides its data without being looked at: a file system's own notes count as blocks of a file.
constexpr std::uint64_t kBlockBytes = 4096;
constexpr std::uint64_t kSpareBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kBytesPerRange = 16;

Result<void> copy_content(int from, int to, std::string_view path) {
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  for (std::uint64_t at = 0;;) {
    DRKIT_ASSIGN(const std::size_t got, base::pread_full(from, buffer, at, path));
    DRKIT_TRY(base::pwrite_full(to, ByteView(buffer).first(got), at, path));
    if (got < buffer.size()) return {};
    at += got;
  }
}

class FileSink final : public Sink {
 public:
  FileSink(Entry entry, OpenedFile file, const AttributePolicy& policy, WriteBehind* write_behind)
      : entry_(std::move(entry)),
        file_(std::move(file)),
        policy_(policy),
        write_behind_(write_behind),
        direct_(entry_.size_bytes) {}

  // What was there is worth more than nothing, even half updated: the marker in the root says that the tree is not
  // whole.
  ~FileSink() override {
    if (closed_) return;
    if (!file_.temporary.empty()) ::unlinkat(file_.directory->get(), file_.temporary.c_str(), 0);
    if (file_.temporary.empty() && !file_.existed) ::unlinkat(file_.directory->get(), name().c_str(), 0);
  }

  Result<void> reserve(const Context&) override {
    if (file_.existed || entry_.type != EntryType::regular) return {};
    return direct_.reserve(file_.fd.get(), entry_.path);
  }

  Result<void> write_at(const Context& ctx, std::uint64_t offset, ByteView bytes) override {
    DRKIT_TRY(ctx.check_cancelled());
    const std::uint64_t end = offset + bytes.size();
    if (end < offset || (entry_.type == EntryType::regular && end > entry_.size_bytes)) {
      return Error(ErrorCode::corrupt, "content goes beyond the size of the file").with("path", printable(entry_.path));
    }
    DRKIT_TRY(make_own());
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
    return base::pwrite_full(out(), bytes, offset, entry_.path);
  }
  int out() const { return copy_ ? copy_.get() : file_.fd.get(); }
  Result<void> make_own();
  void cover(std::uint64_t start, std::uint64_t end) {
    if (!file_.existed) return;
    const std::lock_guard lock(mutex_);
    covered_.add(start, end);
  }
  Result<void> set_length();
  Result<void> clear_gaps();
  Result<void> give_back_room();
  Result<void> clear(std::uint64_t start, std::uint64_t end);
  Result<void> set_attributes(const Context& ctx);

  Entry entry_;
  OpenedFile file_;
  AttributePolicy policy_;
  WriteBehind* write_behind_;
  DirectWriter direct_;
  std::atomic<std::uint64_t> end_{0};
  UniqueFd copy_;  // of a shared file: what is written; reads go on in the old one
  std::mutex copying_;
  std::mutex mutex_;
  ByteRanges covered_;
  bool closed_ = false;
};

Result<void> FileSink::close(const Context& ctx) {
  if (file_.unshare) DRKIT_TRY(make_own());
  DRKIT_TRY(set_length());
  DRKIT_TRY(set_attributes(ctx));
  if (copy_) DRKIT_TRY(copy_.close(entry_.path));
  DRKIT_TRY(file_.fd.close(entry_.path));
  const int directory = file_.directory->get();
  if (!file_.temporary.empty() && ::renameat(directory, file_.temporary.c_str(), directory, name().c_str()) != 0) {
    return errno_error(errno, "put the file in its place", entry_.path);
  }
  closed_ = true;
  return {};
}

// The other names of a file may be somebody else's: they keep the old one.
Result<void> FileSink::make_own() {
  if (!file_.shared) return {};
  const std::lock_guard lock(copying_);
  if (copy_) return {};
  DRKIT_ASSIGN(TemporaryFile made, make_temporary(file_.directory->get(), entry_.path));
  file_.temporary = std::move(made.name);
  DRKIT_TRY(copy_content(file_.fd.get(), made.fd.get(), entry_.path));
  copy_ = std::move(made.fd);
  return {};
}

Result<void> FileSink::set_attributes(const Context& ctx) {
  if (entry_.type != EntryType::regular) return {};
  if (file_.shared && !copy_) {
    DRKIT_ASSIGN(const bool equal, has_attributes(policy_, file_.fd.get(), entry_));
    if (equal) return {};
    DRKIT_TRY(make_own());
  }
  return apply_to_fd(ctx, policy_, out(), entry_);
}

Result<void> FileSink::set_length() {
  const std::uint64_t size = std::max(entry_.size_bytes, end_.load());
  if (!file_.existed && end_ == size) return {};
  if (file_.existed) {
    DRKIT_TRY(clear_gaps());
    struct stat status;
    if (::fstat(out(), &status) != 0) return errno_error(errno, "look at the restored file", entry_.path);
    if (static_cast<std::uint64_t>(status.st_size) == size) return give_back_room();
  }
  DRKIT_TRY(make_own());
  if (::ftruncate(out(), static_cast<off_t>(size)) != 0) {
    return errno_error(errno, "set the length", entry_.path);
  }
  return give_back_room();
}

// Blocks that an interrupted restore took and never wrote look like holes, or lie behind the end.
Result<void> FileSink::give_back_room() {
  if (!file_.existed || (file_.shared && !copy_)) return {};
  struct stat status;
  if (::fstat(out(), &status) != 0) return errno_error(errno, "look at the restored file", entry_.path);
  const std::uint64_t needed = covered_.bytes_in_blocks(kBlockBytes) + kSpareBytes + covered_.count() * kBytesPerRange;
  if (static_cast<std::uint64_t>(status.st_blocks) * 512 <= needed) return {};
  if (::ftruncate(out(), status.st_size) != 0) return errno_error(errno, "set the length", entry_.path);
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const auto punch = [&](std::uint64_t start, std::uint64_t stop) {
    return ::fallocate(out(), mode, static_cast<off_t>(start), static_cast<off_t>(stop - start));
  };
  // Where no hole can be made the room stays taken; what the file holds is right either way.
  if (covered_.each_gap(static_cast<std::uint64_t>(status.st_size), punch) != 0 && errno != EOPNOTSUPP) {
    return errno_error(errno, "make a hole", entry_.path);
  }
  return {};
}

// What was neither written nor read is a hole of the restored file, whatever the old file held there.
Result<void> FileSink::clear_gaps() {
  struct stat status;
  if (::fstat(out(), &status) != 0) return errno_error(errno, "look at the restored file", entry_.path);
  const std::uint64_t end = std::min(static_cast<std::uint64_t>(status.st_size), entry_.size_bytes);
  Result<void> cleared;
  covered_.each_gap(end, [&](std::uint64_t start, std::uint64_t stop) {
    cleared = clear(start, stop);
    return cleared ? 0 : 1;
  });
  return cleared;
}

Result<void> FileSink::clear(std::uint64_t start, std::uint64_t end) {
  const off_t data = ::lseek(out(), static_cast<off_t>(start), SEEK_DATA);
  if (data < 0 ? errno == ENXIO : static_cast<std::uint64_t>(data) >= end) return {};  // a hole already
  DRKIT_TRY(make_own());
  const int fd = out();
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (::fallocate(fd, mode, static_cast<off_t>(start), static_cast<off_t>(end - start)) == 0) return {};
  if (errno != EOPNOTSUPP) return errno_error(errno, "make a hole", entry_.path);
  const std::vector<std::byte> zeros(64 * 1024);
  for (; start < end; start += zeros.size()) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), end - start));
    DRKIT_TRY(base::pwrite_full(fd, ByteView(zeros).first(part), start, entry_.path));
  }
  return {};
}

}  // namespace

Result<TemporaryFile> make_temporary(int directory, std::string_view path) {
  static std::atomic<std::uint64_t> count{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string name = ".drkit-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    UniqueFd fd(::openat(directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd) return TemporaryFile{std::move(name), std::move(fd)};
    if (errno != EEXIST) break;
  }
  return errno_error(errno, "make a temporary file", path);
}

std::unique_ptr<Sink> make_file_sink(Entry entry, OpenedFile file, const AttributePolicy& policy,
                                     WriteBehind* write_behind) {
  return std::make_unique<FileSink>(std::move(entry), std::move(file), policy, write_behind);
}

}  // namespace drkit::systems::filesystem
