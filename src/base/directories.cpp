#include "base/directories.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/posix_file.hpp"

namespace drkit::base {

Result<void> make_directories_with_open_parents(const std::string& path) {
  namespace fs = std::filesystem;
  fs::path whole = fs::absolute(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  struct stat status {};
  std::vector<std::string> missing;
  for (fs::path at = whole.parent_path(); ::stat(at.c_str(), &status) != 0 && at.has_relative_path();
       at = at.parent_path()) {
    missing.push_back(at.string());
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    const auto made = make_directory_at(AT_FDCWD, *at);
    if (!made && made.error().code() != ErrorCode::already_exists) return made;
    if (made && ::chmod(at->c_str(), 0755) != 0) return errno_error(errno, "set the mode of the directory", *at);
    DRKIT_TRY(fsync_directory(fs::path(*at).parent_path().string()));
  }
  return make_directories(path);
}

}  // namespace drkit::base
