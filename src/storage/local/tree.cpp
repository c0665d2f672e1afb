#include "storage/local/tree.hpp"

#include <dirent.h>

#include <cerrno>
#include <memory>

namespace drkit::storage::local {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

// O_DIRECTORY answers ENOTDIR for a symbolic link too; a link must be named, not taken for something missing.
bool is_symlink(int parent, const std::string& name) {
  struct stat status {};
  return ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

Result<base::UniqueFd> open_directory(int parent, const std::string& name) {
  auto opened = base::open_at(parent, name, kDirectory);
  if (!opened && opened.error().code() == ErrorCode::precondition_failed && is_symlink(parent, name)) {
    return Error(ErrorCode::permission_denied, "symbolic link inside the storage").with("path", name);
  }
  return opened;
}

Result<base::UniqueFd> duplicate(int fd, const std::string& path) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return base::errno_error(errno, "cannot open", path);
  return base::UniqueFd(copy);
}

// Unknown counts as empty.
bool is_empty(int fd) {
  auto listed = base::open_at(fd, ".", O_RDONLY | O_DIRECTORY);
  if (!listed) return true;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(listed->get()), ::closedir);
  if (!directory) return true;
  listed->release();
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return false;
  }
  return true;
}

// Opens the directory of a key, each part by `open_part(parent, part, path so far)`.
template <class OpenPart>
Result<Place> walk(int root, const std::string& path, std::string_view key, OpenPart open_part) {
  base::UniqueFd directory;
  std::size_t start = 0;
  for (std::size_t slash = key.find('/'); slash != std::string_view::npos; slash = key.find('/', start)) {
    const int parent = directory ? directory.get() : root;
    const std::string part(key.substr(start, slash - start));
    DRKIT_ASSIGN(directory, open_part(parent, part, std::string(key.substr(0, slash))));
    start = slash + 1;
  }
  if (!directory) {
    DRKIT_ASSIGN(directory, duplicate(root, path));
  }
  return Place{std::move(directory), std::string(key.substr(start))};
}

}  // namespace

Result<Place> Tree::find(std::string_view key) const {
  auto place = walk(root_.get(), path_, key, [](int parent, const std::string& part, const std::string&) {
    return open_directory(parent, part);
  });
  if (!place && place.error().code() == ErrorCode::precondition_failed) {
    return Error(ErrorCode::not_found, "no such object");
  }
  return place;
}

Result<Place> Tree::make(std::string_view key) {
  return walk(root_.get(), path_, key, [this](int parent, const std::string& part, const std::string& full) {
    return step(parent, part, full);
  });
}

Result<base::UniqueFd> Tree::make_child(const std::string& name) const {
  auto made = base::make_directory_at(root_.get(), name);
  if (!made && made.error().code() != ErrorCode::already_exists) return std::move(made).error();
  return open_directory(root_.get(), name);
}

Result<base::UniqueFd> Tree::step(int parent, const std::string& name, const std::string& full) {
  auto made = base::make_directory_at(parent, name);
  if (!made && made.error().code() != ErrorCode::already_exists) return std::move(made).error();
  DRKIT_ASSIGN(base::UniqueFd directory, open_directory(parent, name));
  // Another process may have made the directory a moment ago and not synced it yet, so that "exists" is no promise. But
  // nobody puts anything into one whose own name is not durable.
  if (made.ok() || (!is_durable(full) && is_empty(directory.get()))) {
    DRKIT_TRY(base::fsync_file(parent, path_ + "/" + full));
    const std::lock_guard lock(mutex_);
    durable_.insert(full);
  }
  return directory;
}

bool Tree::is_durable(const std::string& full) const {
  const std::lock_guard lock(mutex_);
  return durable_.contains(full);
}

}  // namespace drkit::storage::local
