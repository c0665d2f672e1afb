#include "systems/postgres/wal_spool.hpp"

#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/posix_file.hpp"
#include "base/text_file.hpp"
#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/sha256.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPushed = ".pushed", kFetched = ".fetched";
constexpr std::size_t kSumBytes = 4;

std::string parent_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Result<base::UniqueFd> open_temporary(const std::string& path) {
  return base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
}

}  // namespace

std::string spool_folder(const WalSpool& spool) {
  Sha256 digest;
  digest.update(as_bytes(spool.repository));
  return spool.directory + "/" + to_hex(digest.finish()).substr(0, 16);
}

std::string fingerprint_of(const struct stat& status) {
  const auto number = [](auto value) { return std::to_string(value) + " "; };
  return number(status.st_dev) + number(status.st_ino) + number(status.st_size) + number(status.st_mtim.tv_sec) +
         number(status.st_mtim.tv_nsec) + number(status.st_ctim.tv_sec) + number(status.st_ctim.tv_nsec);
}

Result<void> mark_pushed(const WalSpool& spool, const std::string& file_name, const std::string& fingerprint) {
  const std::string folder = spool_folder(spool);
  DRKIT_TRY(base::make_directories(folder));
  // A mark that a crash takes or spoils costs another look at the repository.
  return base::replace_text_file(folder + "/" + file_name + std::string(kPushed), fingerprint, base::Synced::no);
}

Result<void> keep_fetched(const WalSpool& spool, const std::string& file_name, ByteView bytes) {
  const std::string folder = spool_folder(spool);
  DRKIT_TRY(base::make_directories(folder));
  const std::string path = folder + "/" + file_name + std::string(kFetched);
  const std::string temporary = path + "." + std::to_string(::getpid());
  DRKIT_ASSIGN(base::UniqueFd file, open_temporary(temporary));
  Crc32c crc;
  crc.update(bytes);
  const std::uint32_t sum = crc.value();
  DRKIT_TRY(base::write_full(file.get(), bytes, temporary));
  DRKIT_TRY(base::write_full(file.get(), std::as_bytes(std::span(&sum, 1)), temporary));
  DRKIT_TRY(file.close(temporary));
  return base::rename_replace(AT_FDCWD, temporary, AT_FDCWD, path);
}

Result<std::optional<Bytes>> take_fetched(const WalSpool& spool, const std::string& file_name) {
  const std::string path = spool_folder(spool) + "/" + file_name + std::string(kFetched);
  auto file = base::open_file(path, O_RDONLY | O_NOFOLLOW);
  if (!file && file.error().code() == ErrorCode::not_found) return std::optional<Bytes>();
  if (!file) return std::move(file).error();
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return base::errno_error(errno, "stat", path);
  Bytes bytes(static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)));
  DRKIT_ASSIGN(const std::size_t got, base::read_full(file->get(), bytes, path));
  DRKIT_TRY(base::unlink_at(AT_FDCWD, path));
  if (got != bytes.size() || got < kSumBytes) return std::optional<Bytes>();
  std::uint32_t sum = 0;
  std::memcpy(&sum, bytes.data() + got - kSumBytes, kSumBytes);
  bytes.resize(got - kSumBytes);
  Crc32c crc;
  crc.update(bytes);
  if (crc.value() != sum) return std::optional<Bytes>();
  return std::optional(std::move(bytes));
}

void drop_before(const WalSpool& spool, const std::string& file_name) {
  std::error_code failed;
  fs::directory_iterator at(spool_folder(spool), failed);
  while (!failed && at != fs::directory_iterator()) {
    if (at->path().filename().string() < file_name) ::unlink(at->path().c_str());
    at.increment(failed);
  }
}

Result<void> deliver(const std::string& destination, ByteView bytes) {
  const std::string temporary = destination + ".drkit-" + std::to_string(::getpid());
  const auto write = [&]() -> Result<void> {
    DRKIT_ASSIGN(base::UniqueFd file, open_temporary(temporary));
    DRKIT_TRY(base::write_full(file.get(), bytes, temporary));
    DRKIT_TRY(base::fsync_file(file.get(), temporary));
    DRKIT_TRY(file.close(temporary));
    DRKIT_TRY(base::rename_replace(AT_FDCWD, temporary, AT_FDCWD, destination));
    return base::fsync_directory(parent_of(destination));
  };
  const Result<void> written = write();
  if (!written) ::unlink(temporary.c_str());
  return written;
}

Result<StableFile> read_stable(const std::string& path, std::uint64_t limit) {
  DRKIT_ASSIGN(const base::UniqueFd file, base::open_file(path, O_RDONLY));
  struct stat before {
  }, after{};
  if (::fstat(file.get(), &before) != 0) return base::errno_error(errno, "stat", path);
  if (before.st_size < 0 || static_cast<std::uint64_t>(before.st_size) > limit) {
    return Error(ErrorCode::invalid_argument, "the file is larger than a file of the log may be").with("path", path);
  }
  StableFile stable;
  stable.bytes = stable.buffer.room(static_cast<std::size_t>(before.st_size));
  DRKIT_ASSIGN(const std::size_t got, base::read_full(file.get(), stable.bytes, path));
  if (::fstat(file.get(), &after) != 0) return base::errno_error(errno, "stat", path);
  stable.fingerprint = fingerprint_of(before);
  if (got == stable.bytes.size() && stable.fingerprint == fingerprint_of(after)) return stable;
  return Error(ErrorCode::precondition_failed, "the file changed while it was read").with("path", path);
}

}  // namespace drkit::systems::postgres

namespace drkit {

Result<bool> wal_was_pushed(const std::string& path, const WalSpool& spool) {
  using namespace systems::postgres;
  if (spool.directory.empty()) return false;
  const std::string name = std::filesystem::path(path).filename().string();
  DRKIT_ASSIGN(const auto mark, base::read_text_file(spool_folder(spool) + "/" + name + std::string(kPushed)));
  if (!mark) return false;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return base::errno_error(errno, "stat", path);
  return *mark == fingerprint_of(status);
}

Result<bool> take_prefetched_wal(const std::string& file_name, const std::string& destination, const WalSpool& spool) {
  using namespace systems::postgres;
  if (spool.directory.empty()) return false;
  DRKIT_ASSIGN(const auto bytes, take_fetched(spool, file_name));
  if (!bytes) return false;
  DRKIT_TRY(deliver(destination, *bytes));
  return true;
}

}  // namespace drkit
