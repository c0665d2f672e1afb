#include "systems/filesystem/attributes.hpp"

namespace drkit::systems::filesystem {

timespec timespec_of(std::int64_t nanoseconds) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  timespec time{};
  time.tv_sec = static_cast<time_t>(nanoseconds / kSecond);
  time.tv_nsec = static_cast<long>(nanoseconds % kSecond);
  if (time.tv_nsec < 0) {  // before 1970
    time.tv_nsec += kSecond;
    --time.tv_sec;
  }
  return time;
}

EntryType type_of(const struct stat& status) {
  switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
      return EntryType::directory;
    case S_IFLNK:
      return EntryType::symlink;
    case S_IFIFO:
      return EntryType::fifo;
    case S_IFSOCK:
      return EntryType::socket;
    case S_IFCHR:
      return EntryType::char_device;
    case S_IFBLK:
      return EntryType::block_device;
    default:
      return EntryType::regular;
  }
}

Fingerprint fingerprint_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, nanoseconds_of(status.st_ctim)};
}

void fill_attributes(const struct stat& status, OwnerNames& names, Entry& entry) {
  entry.type = type_of(status);
  entry.mode = status.st_mode & 07777;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.user = names.user(status.st_uid);
  entry.group = names.group(status.st_gid);
  entry.mtime_ns = nanoseconds_of(status.st_mtim);
  if (entry.type == EntryType::regular) {
    entry.size_bytes = static_cast<std::uint64_t>(status.st_size);
    entry.fingerprint = fingerprint_of(status);
  }
  if (entry.type == EntryType::char_device || entry.type == EntryType::block_device) {
    entry.device_number = status.st_rdev;
  }
}

void set_problem(Entry& entry, const Error& error) {
  entry.problem = Problem{entry.path, error.code(), error.message()};
}

}  // namespace drkit::systems::filesystem
