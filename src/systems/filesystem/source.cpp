#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <drkit/sources.hpp>

#include "systems/filesystem/tree_walk.hpp"

namespace drkit {
namespace systems::filesystem {
namespace {

class FilesystemSource final : public Source {
 public:
  FilesystemSource(std::string root, FilesystemOptions options, base::GlobList excludes)
      : root_(std::move(root)), walk_(std::move(options), std::move(excludes)) {}

  SourceInfo info() const override { return {"filesystem", "file://" + root_, true, true, true}; }

  Result<void> begin(const Context& ctx) override {
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_TRY(require_proc());
    struct stat status;
    if (::stat(root_.c_str(), &status) != 0) return errno_error(errno, "look at the source", root_);
    if (S_ISDIR(status.st_mode)) return walk_.open_root(root_);
    if (!S_ISREG(status.st_mode)) {
      return Error(ErrorCode::invalid_argument, "source is neither a directory nor a regular file")
          .with("path", printable(root_));
    }
    std::unique_ptr<char, decltype(&std::free)> real(::realpath(root_.c_str(), nullptr), &std::free);
    if (!real) return errno_error(errno, "resolve the source", root_);
    const std::string_view path(real.get());
    const std::size_t slash = path.rfind('/');
    return walk_.open_single_file(std::string(path.substr(0, slash == 0 ? 1 : slash)),
                                  std::string(path.substr(slash + 1)));
  }

  Result<std::unique_ptr<Stream>> next(const Context& ctx) override { return walk_.next(ctx); }

  Result<SourceReceipt> finish(const Context&) override { return SourceReceipt{}; }

 private:
  std::string root_;
  TreeWalk walk_;
};

}  // namespace
}  // namespace systems::filesystem

Result<std::unique_ptr<Source>> make_filesystem_source(std::string root, FilesystemOptions options) {
  if (root.empty() || root.find('\0') != std::string::npos) {
    return Error(ErrorCode::invalid_argument, "path of the source is empty or holds a nul byte");
  }
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(root, failed);
  if (!failed) root = absolute.string();
  while (root.size() > 1 && (root.ends_with('/') || root.ends_with("/."))) root.pop_back();
  DRKIT_ASSIGN(base::GlobList excludes, base::GlobList::parse(options.excludes));
  return std::unique_ptr<Source>(std::make_unique<systems::filesystem::FilesystemSource>(
      std::move(root), std::move(options), std::move(excludes)));
}

}  // namespace drkit
