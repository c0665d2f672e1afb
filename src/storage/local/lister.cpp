#include "storage/local/lister.hpp"

#include <dirent.h>

#include <cerrno>
#include <memory>

namespace drkit::storage::local {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

class Walk {
 public:
  Walk(const Context& ctx, std::string_view prefix, const ListVisitor& visit)
      : ctx_(ctx), prefix_(prefix), visit_(visit) {}

  // `base` is the key of the directory with its separator, "" for the root.
  Result<void> directory(base::UniqueFd fd, const std::string& base_key) {
    const DirectoryStream stream(::fdopendir(fd.get()));
    if (!stream) return base::errno_error(errno, "cannot list", base_key);
    fd.release();
    while (!stopped_) {
      if (auto running = ctx_.check_cancelled(); !running) return running;
      errno = 0;
      const dirent* found = ::readdir(stream.get());
      if (found == nullptr) {
        // The end and a failure look alike but for errno.
        return errno == 0 ? Result<void>() : base::errno_error(errno, "cannot list", base_key);
      }
      DRKIT_TRY(entry(::dirfd(stream.get()), found->d_name, base_key + found->d_name));
    }
    return {};
  }

 private:
  Result<void> entry(int parent, const char* name, const std::string& key) {
    // What can be no object's name is not ours: "..", temporary files, lost+found.
    if (!validate_storage_key(key).ok() || !leads_to_prefix(key)) return {};
    struct stat status {};
    if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? Result<void>() : base::errno_error(errno, "cannot look at", key);
    }
    if (S_ISDIR(status.st_mode)) return subdirectory(parent, name, key);
    if (S_ISLNK(status.st_mode)) {
      return Error(ErrorCode::permission_denied, "symbolic link inside the storage").with("path", key);
    }
    if (!S_ISREG(status.st_mode) || !key.starts_with(prefix_)) return {};
    stopped_ = !visit_(ObjectInfo{key, static_cast<std::uint64_t>(status.st_size), modified_ns(status)});
    return {};
  }

  Result<void> subdirectory(int parent, const char* name, const std::string& key) {
    auto opened = base::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (opened) return directory(std::move(*opened), key + "/");
    if (opened.error().code() == ErrorCode::not_found) return {};
    return std::move(opened).error();
  }

  // A directory may hold matches when it is longer than the prefix or a part of its way.
  bool leads_to_prefix(const std::string& key) const {
    return key.starts_with(prefix_) || prefix_.starts_with(key + "/");
  }

  const Context& ctx_;
  const std::string_view prefix_;
  const ListVisitor& visit_;
  bool stopped_ = false;
};

}  // namespace

std::int64_t modified_ns(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

Result<void> list_tree(const Context& ctx, const Tree& tree, std::string_view prefix, const ListVisitor& visit) {
  struct stat root {};
  if (::fstat(tree.root(), &root) != 0) return base::errno_error(errno, "cannot look at", tree.path());
  // A directory that was removed reads as an empty one: nobody may take that for a storage without objects.
  if (root.st_nlink == 0)
    return Error(ErrorCode::not_found, "the storage's directory is gone").with("path", tree.path());
  auto place = tree.find(prefix);
  if (!place) {
    if (place.error().code() == ErrorCode::not_found) return {};
    return std::move(place).error();
  }
  // Opened anew: a descriptor shared with others would share its reading position.
  DRKIT_ASSIGN(base::UniqueFd fresh, base::open_at(place->directory.get(), ".", O_RDONLY | O_DIRECTORY));
  const std::size_t slash = prefix.rfind('/');
  const std::string base_key(slash == std::string_view::npos ? "" : prefix.substr(0, slash + 1));
  return Walk(ctx, prefix, visit).directory(std::move(fresh), base_key);
}

}  // namespace drkit::storage::local
