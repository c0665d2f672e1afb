#include "storage/local/temp_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace drkit::storage::local {
namespace {

constexpr std::int64_t kStaleAfterNs = std::int64_t{24} * 3600 * 1'000'000'000;
constexpr std::size_t kSliceBytes = std::size_t{4} << 20;

Result<std::string> random_name() {
  std::array<unsigned char, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return base::errno_error(errno, "cannot get random bytes", "getrandom");
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (const unsigned char byte : random) {
    name += kDigits[byte >> 4];
    name += kDigits[byte & 15];
  }
  return name;
}

bool is_stale(const struct stat& status, std::int64_t now_ns) {
  const std::int64_t modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return S_ISREG(status.st_mode) && now_ns - modified_ns > kStaleAfterNs;
}

void remove_if_stale(const Context& ctx, int directory, const std::string& name) {
  const auto file = base::open_at(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0 || !is_stale(status, ctx.clock->wall_ns())) return;
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) return;
  if (base::unlink_at(directory, name)) ctx.write_log(LogLevel::info, "removed a stale temporary file: " + name);
}

}  // namespace

Result<TempFile> TempFile::make(int temp_directory) {
  DRKIT_ASSIGN(std::string name, random_name());
  DRKIT_ASSIGN(base::UniqueFd fd, base::open_at(temp_directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  // Shows cleaners that the writer lives. A file system without locks has no cleaners either: they need the lock too.
  static_cast<void>(::flock(fd.get(), LOCK_EX | LOCK_NB));
  return TempFile(temp_directory, std::move(name), std::move(fd));
}

TempFile::TempFile(TempFile&& other) noexcept
    : directory_(other.directory_), name_(std::exchange(other.name_, {})), fd_(std::move(other.fd_)) {}

TempFile::~TempFile() {
  if (!name_.empty()) static_cast<void>(base::unlink_at(directory_, name_).ok());
}

// Past the page cache as far as whole pages go: copying there costs more than sealing did, and would push out what the
// machine's own work needs. How many bytes were written; none where the file system cannot.
Result<std::size_t> TempFile::fill_directly(const Context& ctx, ByteView bytes) {
  constexpr std::size_t kPage = 4096;
  const bool suits = bytes.size() >= kSliceBytes && reinterpret_cast<std::uintptr_t>(bytes.data()) % kPage == 0;
  const int flags = suits ? ::fcntl(fd_.get(), F_GETFL) : -1;
  if (flags < 0 || ::fcntl(fd_.get(), F_SETFL, flags | O_DIRECT) != 0) return std::size_t{0};
  const std::size_t whole = bytes.size() / kPage * kPage;
  std::size_t written = 0;
  while (written < whole) {
    DRKIT_TRY(ctx.check_cancelled());
    const std::size_t size = std::min(kSliceBytes, whole - written);
    const auto done = base::write_full(fd_.get(), bytes.subspan(written, size), name_);
    // Some file systems take the flag and refuse the write.
    if (!done && written == 0 && done.error().code() == ErrorCode::invalid_argument) break;
    DRKIT_TRY(done);
    written += size;
  }
  if (::fcntl(fd_.get(), F_SETFL, flags) != 0) return base::errno_error(errno, "cannot leave direct writing", name_);
  return written;
}

Result<void> TempFile::fill(const Context& ctx, ByteView bytes) {
  DRKIT_ASSIGN(const std::size_t direct, fill_directly(ctx, bytes));
  for (std::size_t start = direct; start < bytes.size(); start += kSliceBytes) {
    DRKIT_TRY(ctx.check_cancelled());
    const std::size_t size = std::min(kSliceBytes, bytes.size() - start);
    DRKIT_TRY(base::write_full(fd_.get(), bytes.subspan(start, size), name_));
    // The disk works while the next slice is copied, so that the fsync finds little left; a hint, errors come there.
    static_cast<void>(
        ::sync_file_range(fd_.get(), static_cast<off_t>(start), static_cast<off_t>(size), SYNC_FILE_RANGE_WRITE));
  }
  return base::fsync_file(fd_.get(), name_);
}

Result<void> TempFile::rename_to(int directory, const std::string& name, bool replace) {
  // Closed first: a close that fails is a failed write, and then there must be no object.
  DRKIT_TRY(fd_.close(name_));
  DRKIT_TRY(replace ? base::rename_replace(directory_, name_, directory, name)
                    : base::rename_no_replace(directory_, name_, directory, name));
  name_.clear();
  return {};
}

void remove_stale_temp_files(const Context& ctx, int temp_directory) {
  auto listed = base::open_at(temp_directory, ".", O_RDONLY | O_DIRECTORY);
  if (!listed) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(listed->get()), ::closedir);
  if (!directory) return;
  listed->release();
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") remove_if_stale(ctx, temp_directory, name);
  }
}

}  // namespace drkit::storage::local
