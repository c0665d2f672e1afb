#include "systems/postgres/backup_trail.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>

#include "base/hex.hpp"
#include "base/posix_file.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr const char* kFolder = "pg_stat_tmp";
constexpr const char* kName = "drkit_trail";
constexpr const char* kNewName = "drkit_trail.new";
constexpr std::size_t kKept = 1000;  // several repositories may have backups of one cluster
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kMaxBytes = (kKept + 1) * (2 * kIdBytes + 1);

Result<std::string> new_id() {
  std::array<std::byte, kIdBytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return base::errno_error(errno, "cannot get random bytes", "getrandom");
  }
  return base::to_hex(bytes);
}

// Never through a link: this process may be root, the folder is another account's.
Result<base::UniqueFd> open_folder(int root) {
  return base::open_at(root, kFolder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Result<std::vector<std::string>> read_in(int folder) {
  auto fd = base::open_at(folder, kName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd.ok() && fd.error().code() == ErrorCode::not_found) return std::vector<std::string>();
  if (!fd.ok()) return std::move(fd).error();
  std::string text(kMaxBytes, '\0');
  DRKIT_ASSIGN(const std::size_t size,
               base::read_full(fd->get(), std::as_writable_bytes(std::span(text.data(), text.size())), kName));
  text.resize(size);
  std::vector<std::string> ids;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() == 2 * kIdBytes) ids.push_back(line);
  }
  return ids;
}

// Not made durable: after a crash of the machine the server has started anew, and the trail counts no more.
Result<void> write_in(int folder, const std::string& text) {
  const auto removed = base::unlink_at(folder, kNewName);
  if (!removed.ok() && removed.error().code() != ErrorCode::not_found) return removed;
  DRKIT_ASSIGN(base::UniqueFd fd, base::open_at(folder, kNewName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  struct stat owner;
  if (::fstat(folder, &owner) != 0) return base::errno_error(errno, "cannot look at the folder", kFolder);
  // What copies the directory by hand runs as its owner and must be able to read all of it.
  if (::geteuid() != owner.st_uid && ::fchown(fd.get(), owner.st_uid, owner.st_gid) != 0) {
    const Error error = base::errno_error(errno, "cannot give the file to the server's account", kNewName);
    static_cast<void>(base::unlink_at(folder, kNewName));
    return error;
  }
  DRKIT_TRY(base::write_full(fd.get(), as_bytes(text), kNewName));
  DRKIT_TRY(fd.close(kNewName));
  return base::rename_replace(folder, kNewName, folder, kName);
}

}  // namespace

Result<std::vector<std::string>> read_trail(int root) {
  DRKIT_ASSIGN(const base::UniqueFd folder, open_folder(root));
  return read_in(folder.get());
}

Result<std::string> leave_trail(int root) {
  DRKIT_ASSIGN(const base::UniqueFd folder, open_folder(root));
  DRKIT_ASSIGN(std::vector<std::string> ids, read_in(folder.get()));
  DRKIT_ASSIGN(std::string id, new_id());
  ids.push_back(id);
  std::string text;
  for (std::size_t i = ids.size() > kKept ? ids.size() - kKept : 0; i < ids.size(); ++i) text += ids[i] + "\n";
  DRKIT_TRY(write_in(folder.get(), text));
  return id;
}

}  // namespace drkit::systems::postgres
