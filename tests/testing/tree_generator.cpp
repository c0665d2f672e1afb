#include "testing/tree_generator.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>
#include <vector>

namespace drkit::testing {
namespace {

namespace fs = std::filesystem;

class Generator {
 public:
  Generator(std::string root, std::uint64_t seed, const TreeShape& shape)
      : random_(seed), shape_(shape), directories_{std::move(root)} {}

  bool run() {
    for (unsigned i = 0; i < shape_.entries && ok_; ++i) make_one(i);
    finish();
    return ok_;
  }
  void make_one(unsigned number);
  void finish();
  bool ok() const { return ok_; }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  void write_file(const std::string& path);

 private:
  void check(int answer) { ok_ = ok_ && answer == 0; }
  std::string new_name(unsigned number);
  void make_link_or_special(const std::string& path);
  void write_sparse(int fd);
  void decorate(const std::string& path);
  void set_acl(const std::string& path, bool is_default);
  void set_owner_and_mode(const std::string& path);
  void set_time(const std::string& path);
  bool root_user() const { return ::geteuid() == 0; }

  std::mt19937_64 random_;
  TreeShape shape_;
  std::vector<std::string> directories_;
  std::vector<std::string> files_;
  std::vector<std::string> others_;
  bool ok_ = true;
};

std::string Generator::new_name(unsigned number) {
  constexpr std::array<const char*, 6> kOdd = {"not\xff\xfeutf8-",  "new\nline \t", "-dash",
                                               "\\back'quote\"*?[", "d-",           "d"};
  const std::uint64_t kind = below(10);
  std::string name(kind < kOdd.size() ? kOdd[kind] : "d");
  if (kind == 6) name.assign(200, 'l');
  name.append(std::to_string(number));
  return name;
}

void Generator::make_one(unsigned number) {
  const std::string& parent = directories_[below(directories_.size())];
  const std::string path = parent + "/" + new_name(number);
  const auto depth = static_cast<unsigned>(std::count(path.begin(), path.end(), '/')) -
                     static_cast<unsigned>(std::count(directories_[0].begin(), directories_[0].end(), '/'));
  const std::uint64_t kind = below(10);
  if (kind < 3 && depth < shape_.max_depth) {
    check(::mkdir(path.c_str(), 0755));
    directories_.push_back(path);
  } else if (kind < 7) {
    write_file(path);
    files_.push_back(path);
  } else {
    make_link_or_special(path);
  }
}

void Generator::make_link_or_special(const std::string& path) {
  const std::uint64_t kind = below(8);
  if (kind < 2 && !files_.empty()) return check(::link(files_[below(files_.size())].c_str(), path.c_str()));
  if (kind < 5 || !shape_.special_files) {
    constexpr std::array<const char*, 4> kTexts = {"nowhere", "../../..", "/etc/passwd", "odd \xff\n"};
    check(::symlink(kTexts[below(kTexts.size())], path.c_str()));
  } else if (kind == 5) {
    check(::mkfifo(path.c_str(), 0640));
  } else if (kind == 6 || !root_user()) {
    check(::mknod(path.c_str(), S_IFSOCK | 0600, 0));
  } else {
    const dev_t device = makedev(static_cast<unsigned>(below(300)), static_cast<unsigned>(below(70000)));
    check(::mknod(path.c_str(), (below(2) == 0 ? S_IFCHR : S_IFBLK) | 0600, device));
  }
  others_.push_back(path);
}

void Generator::write_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return check(-1);
  const std::uint64_t kind = below(5);
  if (kind == 0) {
    write_sparse(fd);
  } else if (kind > 1) {
    std::string bytes(below(kind == 2 ? shape_.max_file_bytes : 5000), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    check(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) ? 0 : -1);
  }
  check(::close(fd));
}

void Generator::write_sparse(int fd) {
  const off_t size = static_cast<off_t>(below(40'000'000)) + 1;
  check(::ftruncate(fd, size));
  for (std::uint64_t i = below(4); i > 0; --i) {
    const std::string bytes(below(9000) + 1, static_cast<char>('a' + i));
    const off_t at = std::max<off_t>(0, static_cast<off_t>(below(static_cast<std::uint64_t>(size))) - 9001);
    const auto fits = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(size - at));
    check(::pwrite(fd, bytes.data(), fits, at) == static_cast<ssize_t>(fits) ? 0 : -1);
  }
}

// The kernel's form: version 2, then tag, permissions and id of each line, little-endian.
void Generator::set_acl(const std::string& path, bool is_default) {
  std::string acl("\x02\x00\x00\x00", 4);
  const auto add = [&acl](unsigned tag, unsigned permissions, std::uint32_t id) {
    for (const unsigned number : {tag, permissions}) {
      acl += static_cast<char>(number & 255);
      acl += static_cast<char>(number >> 8);
    }
    for (unsigned shift = 0; shift < 32; shift += 8) acl += static_cast<char>((id >> shift) & 255);
  };
  constexpr std::uint32_t kNoId = 0xffffffffU;
  add(0x01, 7, kNoId);  // owner
  add(0x02, static_cast<unsigned>(below(8)), 1234);
  add(0x04, 5, kNoId);  // group
  add(0x10, 7, kNoId);  // mask
  add(0x20, 1, kNoId);  // others
  const char* const name = is_default ? "system.posix_acl_default" : "system.posix_acl_access";
  check(::setxattr(path.c_str(), name, acl.data(), acl.size(), 0));
}

void Generator::set_owner_and_mode(const std::string& path) {
  if (shape_.foreign_owners && root_user() && below(3) == 0) {
    check(::lchown(path.c_str(), static_cast<uid_t>(below(70000)), static_cast<gid_t>(below(70000))));
  }
  if (fs::is_symlink(fs::symlink_status(path))) return;
  constexpr std::array<mode_t, 8> kModes = {0644, 0600, 0755, 04755, 02711, 01777, 0444, 0700};
  check(::chmod(path.c_str(), kModes[below(kModes.size())]));
}

void Generator::decorate(const std::string& path) {
  set_owner_and_mode(path);
  const auto status = fs::symlink_status(path);
  if (!fs::is_regular_file(status) && !fs::is_directory(status)) return;
  if (below(4) == 0) {
    const std::string value = below(3) == 0 ? std::string("\0binary\xff", 8) : std::string(below(900), 'v');
    check(::setxattr(path.c_str(), "user.drkit-test", value.data(), value.size(), 0));
    if (root_user()) check(::setxattr(path.c_str(), "trusted.drkit-test", "", 0, 0));
  }
  if (below(5) == 0) set_acl(path, false);
  if (fs::is_directory(status) && below(4) == 0) set_acl(path, true);
}

void Generator::set_time(const std::string& path) {
  timespec when{};
  when.tv_sec = static_cast<time_t>(below(4'000'000'000)) - 1'000'000'000;  // 1938 to 2065
  when.tv_nsec = static_cast<long>(below(1'000'000'000));
  const std::array<timespec, 2> times = {timespec{0, UTIME_OMIT}, when};
  check(::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW));
}

// Attributes come last and from the leaves up: a directory's time is what its last change left.
void Generator::finish() {
  for (const auto* list : {&files_, &others_, &directories_}) {
    for (const std::string& path : *list) decorate(path);
  }
  for (const auto* list : {&files_, &others_, &directories_}) {
    for (const std::string& path : *list) set_time(path);
  }
}

}  // namespace

bool generate_tree(const std::string& root, std::uint64_t seed, const TreeShape& shape) {
  return Generator(root, seed, shape).run();
}

bool mutate_tree(const std::string& root, std::uint64_t seed, const TreeShape& shape) {
  std::vector<fs::path> paths;
  std::error_code failed;
  for (const auto& item : fs::recursive_directory_iterator(root, failed)) paths.push_back(item.path());
  if (failed) return false;
  Generator generator(root, seed, shape);
  for (const fs::path& path : paths) {
    const auto status = fs::symlink_status(path, failed);
    if (failed || !fs::exists(status)) continue;
    switch (generator.below(8)) {
      case 0:
        fs::remove_all(path, failed);
        break;
      case 1:
        if (fs::is_regular_file(status)) generator.write_file(path.string());
        break;
      case 2:  // another type under the same name
        fs::remove_all(path, failed);
        if (generator.below(2) == 0) {
          fs::create_directory(path, failed);
        } else {
          generator.write_file(path.string());
        }
        break;
      default:
        break;
    }
  }
  Generator added(root, seed + 1, TreeShape{.entries = shape.entries / 4, .max_depth = shape.max_depth});
  for (unsigned i = 0; i < shape.entries / 4; ++i)
    added.make_one(static_cast<unsigned>(seed % 1000) * 1000 + 100'000 + i);
  added.finish();
  return generator.ok() && added.ok();
}

}  // namespace drkit::testing
