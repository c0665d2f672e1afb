#include "testing/tree_compare.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>

namespace drkit::testing {
namespace {

constexpr std::size_t kMaxLines = 50;

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  DIR* const stream = ::opendir(directory.c_str());
  if (stream == nullptr) return {std::string("cannot list: ") + std::strerror(errno)};
  while (const dirent* record = ::readdir(stream)) {
    const std::string name = record->d_name;
    if (name != "." && name != "..") names.insert(name);
  }
  ::closedir(stream);
  return names;
}

std::map<std::string, std::string> xattrs_of(const std::string& path) {
  std::map<std::string, std::string> all;
  std::string list(65536, '\0');
  const ssize_t size = ::llistxattr(path.c_str(), list.data(), list.size());
  if (size < 0) return all;
  for (const char* name = list.data(); name < list.data() + size; name += std::strlen(name) + 1) {
    std::string value(65536, '\0');
    const ssize_t length = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    all[name] = length < 0 ? std::string("unreadable") : value.substr(0, static_cast<std::size_t>(length));
  }
  return all;
}

std::string link_text(const std::string& path) {
  std::string text(65536, '\0');
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  return size < 0 ? "unreadable" : text.substr(0, static_cast<std::size_t>(size));
}

bool same_content(const std::string& a, const std::string& b) {
  const int x = ::open(a.c_str(), O_RDONLY | O_CLOEXEC);
  const int y = ::open(b.c_str(), O_RDONLY | O_CLOEXEC);
  std::string left(1 << 16, '\0');
  std::string right(1 << 16, '\0');
  bool same = x >= 0 && y >= 0;
  off_t at = 0;
  while (same) {
    const off_t data = ::lseek(x, at, SEEK_DATA);  // the holes of a must read as zeros in b, which sizes and data show
    const off_t other = ::lseek(y, at, SEEK_DATA);
    if (data < 0 && other < 0) break;
    at = data < 0 ? other : other < 0 ? data : std::min(data, other);
    const ssize_t n = ::pread(x, left.data(), left.size(), at);
    const ssize_t m = ::pread(y, right.data(), right.size(), at);
    same = n == m && n >= 0 && std::memcmp(left.data(), right.data(), static_cast<std::size_t>(n)) == 0;
    if (n <= 0) break;
    at += n;
  }
  if (x >= 0) ::close(x);
  if (y >= 0) ::close(y);
  return same;
}

class Comparison {
 public:
  Comparison(std::string a, std::string b, const CompareOptions& options)
      : a_(std::move(a)), b_(std::move(b)), options_(options) {}

  std::vector<std::string> run() {
    compare("");
    return std::move(lines_);
  }

 private:
  void differ(const std::string& path, const std::string& what) {
    if (lines_.size() < kMaxLines) lines_.push_back((path.empty() ? "." : path) + ": " + what);
  }
  template <class T>
  void expect(const std::string& path, const std::string& what, const T& x, const T& y) {
    if (x != y) differ(path, what + " " + std::to_string(x) + " became " + std::to_string(y));
  }
  void compare(const std::string& path);
  void compare_status(const std::string& path, const struct stat& x, const struct stat& y);
  void compare_regular(const std::string& path, const struct stat& x, const struct stat& y);
  void compare_xattrs(const std::string& path);
  void compare_names(const std::string& path);

  std::string a_;
  std::string b_;
  CompareOptions options_;
  std::vector<std::string> lines_;
  std::map<std::pair<dev_t, ino_t>, ino_t> inodes_;
};

void Comparison::compare(const std::string& path) {
  struct stat x {};
  struct stat y {};
  if (::lstat((a_ + path).c_str(), &x) != 0) return differ(path, "is only in the second tree");
  if (::lstat((b_ + path).c_str(), &y) != 0) return differ(path, "is only in the first tree");
  if ((x.st_mode & S_IFMT) != (y.st_mode & S_IFMT)) return differ(path, "has another type");
  if (!path.empty() || options_.root_attributes) {
    compare_status(path, x, y);
    compare_xattrs(path);
  }
  if (S_ISREG(x.st_mode)) compare_regular(path, x, y);
  if (S_ISLNK(x.st_mode) && link_text(a_ + path) != link_text(b_ + path)) differ(path, "points elsewhere");
  if (S_ISDIR(x.st_mode)) compare_names(path);
}

void Comparison::compare_status(const std::string& path, const struct stat& x, const struct stat& y) {
  expect(path, "mode", x.st_mode & 07777, y.st_mode & 07777);
  if (options_.owners) {
    expect(path, "uid", x.st_uid, y.st_uid);
    expect(path, "gid", x.st_gid, y.st_gid);
  }
  if (options_.times) {
    expect(path, "mtime seconds", x.st_mtim.tv_sec, y.st_mtim.tv_sec);
    expect(path, "mtime nanoseconds", x.st_mtim.tv_nsec, y.st_mtim.tv_nsec);
  }
  if (S_ISCHR(x.st_mode) || S_ISBLK(x.st_mode)) expect(path, "device number", x.st_rdev, y.st_rdev);
}

void Comparison::compare_regular(const std::string& path, const struct stat& x, const struct stat& y) {
  expect(path, "size", x.st_size, y.st_size);
  expect(path, "link count", x.st_nlink, y.st_nlink);
  const auto [known, is_new] = inodes_.try_emplace({x.st_dev, x.st_ino}, y.st_ino);
  if (!is_new) return expect(path, "inode of its first name", known->second, y.st_ino);
  if (!same_content(a_ + path, b_ + path)) differ(path, "has another content");
  constexpr blkcnt_t kSlack = 256;  // 128 KiB: extents may be rounded
  if (options_.sparseness && x.st_blocks * 512 < x.st_size && y.st_blocks > x.st_blocks + kSlack) {
    differ(path, "lost its holes: blocks " + std::to_string(x.st_blocks) + " became " + std::to_string(y.st_blocks));
  }
}

void Comparison::compare_xattrs(const std::string& path) {
  auto x = xattrs_of(a_ + path);
  auto y = xattrs_of(b_ + path);
  for (const std::string& name : options_.ignored_xattrs) {
    x.erase(name);
    y.erase(name);
  }
  for (const auto& [name, value] : x) {
    const auto found = y.find(name);
    if (found == y.end()) differ(path, "lost its attribute " + name);
    if (found != y.end() && found->second != value) differ(path, "changed its attribute " + name);
  }
  for (const auto& [name, value] : y) {
    if (!x.contains(name)) differ(path, "got an attribute " + name);
  }
}

void Comparison::compare_names(const std::string& path) {
  std::set<std::string> names = names_in(a_ + path);
  names.merge(names_in(b_ + path));
  for (const std::string& name : names) compare(path + "/" + name);
}

}  // namespace

std::vector<std::string> compare_trees(const std::string& a, const std::string& b, const CompareOptions& options) {
  return Comparison(a, b, options).run();
}

}  // namespace drkit::testing
