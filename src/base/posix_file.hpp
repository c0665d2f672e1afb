// posix_file: the one seam to the operating system's files, with errors that name the path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <drkit/result.hpp>

namespace drkit::base {

/// The system calls that tests may replace to inject faults. Every member has the shape of the call it stands for.
struct OsCalls {
  int (*openat)(int dir_fd, const char* path, int flags, mode_t mode);
  int (*close)(int fd);
  ssize_t (*read)(int fd, void* buffer, std::size_t size);
  ssize_t (*pread)(int fd, void* buffer, std::size_t size, off_t offset);
  ssize_t (*write)(int fd, const void* buffer, std::size_t size);
  ssize_t (*pwrite)(int fd, const void* buffer, std::size_t size, off_t offset);
  int (*fsync)(int fd);
  int (*fdatasync)(int fd);
  int (*syncfs)(int fd);
  int (*mkdirat)(int dir_fd, const char* path, mode_t mode);
  int (*renameat)(int from_dir, const char* from, int to_dir, const char* to);
  int (*renameat2)(int from_dir, const char* from, int to_dir, const char* to, unsigned flags);
  int (*linkat)(int from_dir, const char* from, int to_dir, const char* to, int flags);
  int (*unlinkat)(int dir_fd, const char* path, int flags);
};

/// The real system calls.
const OsCalls& real_os_calls();
/// Replaces the calls of the whole process; null puts the real ones back. For tests only.
/// Ownership: borrowed until replaced again. Thread-safety: atomic, calls under way keep the old ones.
void set_os_calls(const OsCalls* calls);

/// Maps errno to a code; the message is "what: strerror text" and the path goes to the context ("path").
/// Errors that pass by themselves (EAGAIN, EBUSY, ESTALE, too many open files) are marked retryable.
Error errno_error(int err, std::string_view what, std::string_view path);

/// Owns a file descriptor. The destructor closes silently: a writer calls close() and looks at its answer.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  /// Closes; the descriptor is gone afterwards, whatever the answer.
  Result<void> close(std::string_view path);

 private:
  int fd_ = -1;
};

/// O_CLOEXEC is always added. Errors: invalid_argument when the path holds a NUL byte.
Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode = 0);
/// Like open_file, relative to a directory (or AT_FDCWD).
Result<UniqueFd> open_at(int dir_fd, const std::string& path, int flags, mode_t mode = 0);

/// Reads until the buffer is full or the end is reached: less than asked means the end.
Result<std::size_t> read_full(int fd, std::span<std::byte> buffer, std::string_view path);
Result<std::size_t> pread_full(int fd, std::span<std::byte> buffer, std::uint64_t offset, std::string_view path);
/// Writes everything or fails.
Result<void> write_full(int fd, ByteView bytes, std::string_view path);
Result<void> pwrite_full(int fd, ByteView bytes, std::uint64_t offset, std::string_view path);

/// Makes a file's content, or the names in an open directory, durable. A failure is final: the kernel may have
/// dropped the pages, so the file must be written anew, never synced again.
Result<void> fsync_file(int fd, std::string_view path);
/// The same without what only fsync keeps, its times: cheaper when the bytes were written over others.
Result<void> fdatasync_file(int fd, std::string_view path);
/// Opens the directory and makes its names durable.
Result<void> fsync_directory(const std::string& path);
/// Makes everything on the file system that holds fd durable. Since Linux 5.8 write-back failures are reported.
Result<void> sync_filesystem(int fd, std::string_view path);

/// Renames in one step and never replaces: of several callers exactly one succeeds, the others get already_exists.
/// Where the file system has no such rename, a hard link and an unlink do the same.
/// Errors: unsupported when it has neither.
Result<void> rename_no_replace(int from_dir, const std::string& from, int to_dir, const std::string& to);
/// Renames over whatever is there.
Result<void> rename_replace(int from_dir, const std::string& from, int to_dir, const std::string& to);
/// flags: 0 or AT_REMOVEDIR. Errors: not_found.
Result<void> unlink_at(int dir_fd, const std::string& path, int flags = 0);

/// Makes one directory, not durably. Errors: already_exists, also when a file is there.
Result<void> make_directory_at(int dir_fd, const std::string& path, mode_t mode = 0700);
/// Makes the directory and its missing parents (mode 0700) durably. An existing directory is success.
Result<void> make_directories(const std::string& path);

}  // namespace drkit::base
