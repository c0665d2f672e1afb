#include "base/posix_file.hpp"

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace drkit::base {
namespace {

int real_openat(int dir_fd, const char* path, int flags, mode_t mode) { return ::openat(dir_fd, path, flags, mode); }

constexpr OsCalls kReal = {real_openat, ::close,  ::read,    ::pread,    ::write,     ::pwrite, ::fsync,
                           ::fdatasync, ::syncfs, ::mkdirat, ::renameat, ::renameat2, ::linkat, ::unlinkat};

std::atomic<const OsCalls*> current{&kReal};

const OsCalls& os() { return *current.load(std::memory_order_acquire); }

// Linux transfers at most this much a call; asking for less keeps ssize_t arithmetic simple.
constexpr std::size_t kMaxTransfer = std::size_t{1} << 30;

Result<void> refuse_nul(const std::string& path) {
  if (path.find('\0') == std::string::npos) return {};
  return Error(ErrorCode::invalid_argument, "path contains a nul byte");
}

struct Mapping {
  ErrorCode code;
  Retry retry = Retry::no;
};

Mapping map_errno(int err) {
  switch (err) {
    case ENOENT:
      return {ErrorCode::not_found};
    case EEXIST:
      return {ErrorCode::already_exists};
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return {ErrorCode::permission_denied};
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return {ErrorCode::no_space};
    case ENOMEM:
      return {ErrorCode::out_of_memory};
    case EINVAL:
    case ENAMETOOLONG:
      return {ErrorCode::invalid_argument};
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
      return {ErrorCode::precondition_failed};
    case ENOSYS:
    case EOPNOTSUPP:
    case EXDEV:
      return {ErrorCode::unsupported};
    case EAGAIN:
    case EBUSY:
    case ESTALE:
    case ETXTBSY:
    case EMFILE:
    case ENFILE:
      return {ErrorCode::unavailable, Retry::yes};
    case ETIMEDOUT:
      return {ErrorCode::timeout, Retry::yes};
    default:
      return {ErrorCode::io};
  }
}

// Repeats `call(done)` until everything is transferred or it gives 0. Answers the bytes, or -1 with errno set.
template <class Call>
std::int64_t transfer(std::size_t size, Call call) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = call(done, std::min(size - done, kMaxTransfer));
    if (n == 0) break;
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return static_cast<std::int64_t>(done);
}

Result<std::size_t> read_answer(std::int64_t done, std::string_view path) {
  if (done < 0) return errno_error(errno, "cannot read", path);
  return static_cast<std::size_t>(done);
}

Result<void> write_answer(std::int64_t done, std::size_t size, std::string_view path) {
  if (done < 0) return errno_error(errno, "cannot write", path);
  if (static_cast<std::size_t>(done) != size) return errno_error(EIO, "cannot write all bytes", path);
  return {};
}

bool same_file(int a_dir, const std::string& a, int b_dir, const std::string& b) {
  struct stat x {};
  struct stat y {};
  return ::fstatat(a_dir, a.c_str(), &x, AT_SYMLINK_NOFOLLOW) == 0 &&
         ::fstatat(b_dir, b.c_str(), &y, AT_SYMLINK_NOFOLLOW) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool lacks_rename_flag(int err) { return err == EINVAL || err == ENOSYS || err == EOPNOTSUPP; }

Result<void> link_and_unlink(int from_dir, const std::string& from, int to_dir, const std::string& to) {
  if (os().linkat(from_dir, from.c_str(), to_dir, to.c_str(), 0) != 0) {
    const int err = errno;
    // A network file system may repeat a request whose answer was lost, and then sees its own link.
    if (err != EEXIST || !same_file(from_dir, from, to_dir, to)) {
      return errno_error(err == EPERM ? EOPNOTSUPP : err, "cannot create without replacing", to);
    }
  }
  // The new name is there: a left-over temporary name is no failure.
  os().unlinkat(from_dir, from.c_str(), 0);
  return {};
}

}  // namespace

const OsCalls& real_os_calls() { return kReal; }

void set_os_calls(const OsCalls* calls) { current.store(calls != nullptr ? calls : &kReal, std::memory_order_release); }

Error errno_error(int err, std::string_view what, std::string_view path) {
  const Mapping mapping = map_errno(err);
  return Error(mapping.code, std::string(what) + ": " + std::generic_category().message(err), mapping.retry)
      .with("path", std::string(path));
}

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) os().close(fd_);
    fd_ = other.release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ < 0) return;
  const int saved = errno;
  os().close(fd_);
  errno = saved;
}

int UniqueFd::release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

Result<void> UniqueFd::close(std::string_view path) {
  const int fd = release();
  // Linux frees the descriptor before it can be interrupted: closing again could close another thread's file.
  if (fd >= 0 && os().close(fd) != 0 && errno != EINTR) return errno_error(errno, "cannot close", path);
  return {};
}

Result<UniqueFd> open_at(int dir_fd, const std::string& path, int flags, mode_t mode) {
  DRKIT_TRY(refuse_nul(path));
  int fd = -1;
  do {
    fd = os().openat(dir_fd, path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return errno_error(errno, "cannot open", path);
  return UniqueFd(fd);
}

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode) {
  return open_at(AT_FDCWD, path, flags, mode);
}

Result<std::size_t> read_full(int fd, std::span<std::byte> buffer, std::string_view path) {
  const auto call = [&](std::size_t done, std::size_t size) { return os().read(fd, buffer.data() + done, size); };
  return read_answer(transfer(buffer.size(), call), path);
}

Result<std::size_t> pread_full(int fd, std::span<std::byte> buffer, std::uint64_t offset, std::string_view path) {
  const auto call = [&](std::size_t done, std::size_t size) {
    return os().pread(fd, buffer.data() + done, size, static_cast<off_t>(offset + done));
  };
  return read_answer(transfer(buffer.size(), call), path);
}

Result<void> write_full(int fd, ByteView bytes, std::string_view path) {
  const auto call = [&](std::size_t done, std::size_t size) { return os().write(fd, bytes.data() + done, size); };
  return write_answer(transfer(bytes.size(), call), bytes.size(), path);
}

Result<void> pwrite_full(int fd, ByteView bytes, std::uint64_t offset, std::string_view path) {
  const auto call = [&](std::size_t done, std::size_t size) {
    return os().pwrite(fd, bytes.data() + done, size, static_cast<off_t>(offset + done));
  };
  return write_answer(transfer(bytes.size(), call), bytes.size(), path);
}

namespace {

Result<void> make_durable(int (*call)(int), int fd, std::string_view path) {
  int answer = 0;
  do {
    answer = call(fd);
  } while (answer != 0 && errno == EINTR);
  if (answer != 0) return errno_error(errno, "cannot make durable", path);
  return {};
}

}  // namespace

Result<void> fsync_file(int fd, std::string_view path) { return make_durable(os().fsync, fd, path); }

Result<void> fdatasync_file(int fd, std::string_view path) { return make_durable(os().fdatasync, fd, path); }

Result<void> fsync_directory(const std::string& path) {
  DRKIT_ASSIGN(UniqueFd directory, open_file(path, O_RDONLY | O_DIRECTORY));
  return fsync_file(directory.get(), path);
}

Result<void> sync_filesystem(int fd, std::string_view path) {
  if (os().syncfs(fd) != 0) return errno_error(errno, "cannot make the file system durable", path);
  return {};
}

Result<void> rename_no_replace(int from_dir, const std::string& from, int to_dir, const std::string& to) {
  DRKIT_TRY(refuse_nul(from));
  DRKIT_TRY(refuse_nul(to));
  if (os().renameat2(from_dir, from.c_str(), to_dir, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (lacks_rename_flag(errno)) return link_and_unlink(from_dir, from, to_dir, to);
  return errno_error(errno, "cannot rename without replacing", to);
}

Result<void> rename_replace(int from_dir, const std::string& from, int to_dir, const std::string& to) {
  DRKIT_TRY(refuse_nul(from));
  DRKIT_TRY(refuse_nul(to));
  // Through renameat: old kernels and some file systems know no flags at all.
  if (os().renameat(from_dir, from.c_str(), to_dir, to.c_str()) != 0) return errno_error(errno, "cannot rename", to);
  return {};
}

Result<void> unlink_at(int dir_fd, const std::string& path, int flags) {
  DRKIT_TRY(refuse_nul(path));
  if (os().unlinkat(dir_fd, path.c_str(), flags) != 0) return errno_error(errno, "cannot remove", path);
  return {};
}

Result<void> make_directory_at(int dir_fd, const std::string& path, mode_t mode) {
  DRKIT_TRY(refuse_nul(path));
  if (os().mkdirat(dir_fd, path.c_str(), mode) != 0) return errno_error(errno, "cannot make directory", path);
  return {};
}

Result<void> make_directories(const std::string& path) {
  DRKIT_TRY(refuse_nul(path));
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return {};
    return errno_error(ENOTDIR, "cannot make directory", path);
  }
  const std::size_t end = path.find_last_not_of('/');
  const std::size_t slash = path.find_last_of('/', end);
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  DRKIT_TRY(make_directories(parent));
  auto made = make_directory_at(AT_FDCWD, path);
  if (!made && made.error().code() != ErrorCode::already_exists) return made;
  return fsync_directory(parent);
}

}  // namespace drkit::base
