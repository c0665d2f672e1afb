#include "storage/local/reserve.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <string>

namespace drkit::storage::local {
namespace {

constexpr int kParts = 4;
// A new directory, a temporary file and their names may each take a block.
constexpr std::size_t kPartBytes = std::size_t{16} << 10;

bool is_whole(int directory, const std::string& name) {
  struct stat status {};
  return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) == kPartBytes;
}

// What a file system could compress, or share between files, would reserve nothing.
Result<void> write_random(int fd, const std::string& name) {
  constexpr std::size_t kAtOnce = 256;  // never interrupted
  std::array<std::byte, kPartBytes> bytes{};
  for (std::size_t start = 0; start < bytes.size(); start += kAtOnce) {
    if (::getrandom(bytes.data() + start, kAtOnce, 0) != static_cast<ssize_t>(kAtOnce)) {
      return base::errno_error(errno, "cannot get random bytes", "getrandom");
    }
  }
  DRKIT_TRY(base::write_full(fd, bytes, name));
  return base::fsync_file(fd, name);
}

Result<void> make_part(int directory, const std::string& name) {
  DRKIT_ASSIGN(base::UniqueFd fd, base::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  Result<void> done = write_random(fd.get(), name);
  if (auto closed = fd.close(name); done && !closed) done = std::move(closed);
  if (!done) static_cast<void>(base::unlink_at(directory, name).ok());
  return done;
}

}  // namespace

void Reserve::fill(const Context& ctx) const {
  const auto directory = tree_.make_child(kReserveDirectory);
  if (!directory) return;
  bool changed = false;
  for (int part = 0; part < kParts; ++part) {
    const std::string name = std::to_string(part);
    if (is_whole(directory->get(), name)) continue;
    // A writer that died left a part of it; one that lives loses nothing but its work.
    static_cast<void>(base::unlink_at(directory->get(), name).ok());
    if (const auto made = make_part(directory->get(), name); !made) {
      ctx.write_log(LogLevel::debug, "no room is reserved: " + made.error().to_string());
      return;
    }
    changed = true;
  }
  if (changed) static_cast<void>(base::fsync_file(directory->get(), kReserveDirectory).ok());
}

bool Reserve::give_back() const {
  const auto directory = base::open_at(tree_.root(), kReserveDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return false;
  for (int part = kParts - 1; part >= 0; --part) {
    if (!base::unlink_at(directory->get(), std::to_string(part))) continue;
    // Some file systems give the room away only when the removal is durable.
    return base::fsync_file(directory->get(), kReserveDirectory).ok();
  }
  return false;
}

}  // namespace drkit::storage::local
