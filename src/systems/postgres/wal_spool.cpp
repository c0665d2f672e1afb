#include "systems/postgres/wal_spool.hpp"

#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/posix_file.hpp"
#include "base/text_file.hpp"
#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/sha256.hpp"
#include "systems/postgres/wal_cluster.hpp"
#include "systems/postgres/wal_file_name.hpp"
#include "systems/postgres/wal_segment.hpp"

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

std::string mark_of(const std::string& repository_id, const std::string& fingerprint) {
  return repository_id + "\n" + fingerprint;
}

std::string fetched_prefix(std::uint64_t system_id) { return std::to_string(system_id) + "-"; }

std::string fetched_path(const WalSpool& spool, std::uint64_t system_id, const std::string& file_name) {
  return spool_folder(spool) + "/" + fetched_prefix(system_id) + file_name + std::string(kFetched);
}

// Of the files that begin and end so those that sort before the name.
void drop_before(const WalSpool& spool, const std::string& prefix, std::string_view suffix,
                 const std::string& file_name) {
  std::error_code failed;
  fs::directory_iterator at(spool_folder(spool), failed);
  while (!failed && at != fs::directory_iterator()) {
    const std::string name = at->path().filename().string();
    const bool ours = name.starts_with(prefix) && name.find(suffix) != std::string::npos;
    if (ours && name.substr(prefix.size()) < file_name) ::unlink(at->path().c_str());
    at.increment(failed);
  }
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

Result<void> mark_pushed(const WalSpool& spool, const std::string& repository_id, const std::string& file_name,
                         const std::string& fingerprint) {
  const std::string folder = spool_folder(spool);
  DRKIT_TRY(base::make_directories(folder));
  // A mark that a crash takes or spoils costs another look at the repository.
  return base::replace_text_file(folder + "/" + file_name + std::string(kPushed), mark_of(repository_id, fingerprint),
                                 base::Synced::no);
}

void drop_pushed_before(const WalSpool& spool, const std::string& file_name) {
  drop_before(spool, "", kPushed, file_name);
}

Result<void> keep_fetched(const WalSpool& spool, std::uint64_t system_id, const std::string& file_name,
                          ByteView bytes) {
  DRKIT_TRY(base::make_directories(spool_folder(spool)));
  const std::string path = fetched_path(spool, system_id, file_name);
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

Result<std::optional<Bytes>> take_fetched(const WalSpool& spool, std::uint64_t system_id,
                                          const std::string& file_name) {
  const std::string path = fetched_path(spool, system_id, file_name);
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

void drop_fetched_before(const WalSpool& spool, std::uint64_t system_id, const std::string& file_name) {
  drop_before(spool, fetched_prefix(system_id), kFetched, file_name);
  // Those of earlier releases, which did not say whose they are.
  drop_before(spool, "0", kFetched, "G");
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
  if (written) return {};
  ::unlink(temporary.c_str());
  if (written.error().code() != ErrorCode::not_found) return written;
  return Error(ErrorCode::io, written.error().message()).with("path", temporary);
}

// What lies in the spool is of the cluster and the timeline that it is asked for as.
bool is_of(ByteView bytes, const WalFileName& file, std::uint64_t system_id) {
  const auto page = parse_first_page(bytes);
  if (!page || bytes.size() != page->segment_bytes) return false;
  const auto name = object_of_file(file, system_id, page->segment_bytes);
  return name && page->system_id == system_id && page->address == name->start && page->timeline <= name->timeline;
}

Result<StableFile> read_stable(const std::string& path, std::uint64_t limit) {
  DRKIT_ASSIGN(const base::UniqueFd file, base::open_file(path, O_RDONLY));
  struct stat before {
  }, after{};
  if (::fstat(file.get(), &before) != 0) return base::errno_error(errno, "stat", path);
  if (before.st_size < 0 || static_cast<std::uint64_t>(before.st_size) > limit) {
    return Error(ErrorCode::invalid_argument, "a file of the log may have 64 MiB at most").with("path", path);
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

Result<std::string> wal_pushed_to(const std::string& path, const WalSpool& spool) {
  using namespace systems::postgres;
  if (spool.directory.empty()) return std::string();
  const std::string name = std::filesystem::path(path).filename().string();
  DRKIT_ASSIGN(const auto mark, base::read_text_file(spool_folder(spool) + "/" + name + std::string(kPushed)));
  if (!mark) return std::string();
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return base::errno_error(errno, "stat", path);
  const std::string id = mark->substr(0, mark->find('\n'));
  return *mark == mark_of(id, fingerprint_of(status)) ? id : std::string();
}

Result<bool> wal_was_pushed(const std::string& path, const WalSpool& spool) {
  DRKIT_ASSIGN(const std::string id, wal_pushed_to(path, spool));
  return !id.empty() && id == spool.repository_id;
}

Result<bool> take_prefetched_wal(const std::string& file_name, const std::string& destination, const WalSpool& spool,
                                 std::optional<std::uint64_t> system_id) {
  using namespace systems::postgres;
  const auto file = parse_file_name(file_name);
  if (spool.directory.empty() || !file || file->kind != WalKind::segment) return false;
  if (!system_id) {
    const auto near = system_id_near(destination);
    if (!near) return false;
    system_id = *near;
  }
  DRKIT_ASSIGN(const auto bytes, take_fetched(spool, *system_id, file_name));
  if (!bytes || !is_of(*bytes, *file, *system_id)) return false;
  DRKIT_TRY(deliver(destination, *bytes));
  return true;
}

}  // namespace drkit
