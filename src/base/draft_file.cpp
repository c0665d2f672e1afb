#include "base/draft_file.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace drkit::base {
namespace {

constexpr unsigned kTries = 4;

// Whoever had the file before may have renamed or removed it since it was opened.
Result<bool> still_has_name(int fd, const std::string& path) {
  struct stat open {};
  struct stat named {};
  if (::fstat(fd, &open) != 0) return errno_error(errno, "cannot look at a file", path);
  if (::stat(path.c_str(), &named) != 0) return false;
  return open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

Result<std::optional<DraftFile>> DraftFile::open(const std::string& path) {
  const std::string draft = path + ".new";
  for (unsigned tried = 0; tried < kTries; ++tried) {
    DRKIT_ASSIGN(UniqueFd file, open_file(draft, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::optional<DraftFile>();
      return errno_error(errno, "cannot lock a file", draft);
    }
    DRKIT_ASSIGN(const bool ours, still_has_name(file.get(), draft));
    if (!ours) continue;
    if (::ftruncate(file.get(), 0) != 0) return errno_error(errno, "cannot empty a file", draft);
    return std::optional(DraftFile(path, std::move(file)));
  }
  return std::optional<DraftFile>();
}

// The lock is still held, so the name is nobody else's.
DraftFile::~DraftFile() {
  if (file_) ::unlink(draft_path().c_str());
}

Result<void> DraftFile::write_at(std::uint64_t offset, ByteView bytes) {
  return pwrite_full(file_.get(), bytes, offset, draft_path());
}

Result<void> DraftFile::replace() {
  DRKIT_TRY(fsync_file(file_.get(), draft_path()));
  DRKIT_TRY(rename_replace(AT_FDCWD, draft_path(), AT_FDCWD, path_));
  // Closed after the rename: until then the lock keeps others from taking it for an abandoned draft.
  UniqueFd file = std::move(file_);
  DRKIT_TRY(file.close(path_));
  return fsync_directory(folder_of(path_));
}

Result<std::uint64_t> size_of_file(int fd, std::string_view path) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return errno_error(errno, "cannot look at a file", path);
  return static_cast<std::uint64_t>(facts.st_size);
}

}  // namespace drkit::base
