#include "base/posix_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "testing/os_faults.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::base;
using drkit::testing::OsFaults;
using drkit::testing::TempDir;

namespace {

template <class T>
ErrorCode code_of(const Result<T>& result) {
  return result.ok() ? ErrorCode::ok : result.error().code();
}

void write_file(const std::string& path, std::string_view text) {
  auto fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  REQUIRE(fd.ok());
  REQUIRE(write_full(fd->get(), as_bytes(text), path).ok());
  REQUIRE(fd->close(path).ok());
}

std::string read_file(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY);
  if (!fd) return fd.error().to_string();
  Bytes bytes(1000);
  const auto size = read_full(fd->get(), bytes, path);
  REQUIRE(size.ok());
  return std::string(as_text(ByteView(bytes).first(*size)));
}

int interruptions = 0;

bool interrupted() {
  if (interruptions++ % 2 != 0) return false;
  errno = EINTR;
  return true;
}

}  // namespace

TEST_CASE("errno maps to codes and the path is in the context") {
  CHECK(errno_error(ENOENT, "cannot open", "/x").code() == ErrorCode::not_found);
  CHECK(errno_error(EROFS, "", "").code() == ErrorCode::permission_denied);
  CHECK(errno_error(EDQUOT, "", "").code() == ErrorCode::no_space);
  CHECK(errno_error(EIO, "", "").code() == ErrorCode::io);
  CHECK_FALSE(errno_error(EIO, "", "").retryable());
  CHECK(errno_error(EMFILE, "", "").retryable());
  CHECK(errno_error(ENOENT, "cannot open", "/x").to_string() ==
        "not_found: cannot open: No such file or directory (path=/x)");
}

TEST_CASE("paths with a nul byte are refused, not cut") {
  using namespace std::string_literals;
  CHECK(code_of(open_file("/tmp\0/x"s, O_RDONLY)) == ErrorCode::invalid_argument);
  CHECK(code_of(unlink_at(AT_FDCWD, "/tmp\0/x"s)) == ErrorCode::invalid_argument);
}

TEST_CASE("transfers survive interruptions and short answers") {
  const TempDir dir;
  OsFaults os;
  interruptions = 0;
  os->write = [](int fd, const void* data, std::size_t size) -> ssize_t {
    return interrupted() ? -1 : ::write(fd, data, size < 3 ? size : 3);
  };
  os->pwrite = [](int fd, const void* data, std::size_t size, off_t at) -> ssize_t {
    return interrupted() ? -1 : ::pwrite(fd, data, size < 3 ? size : 3, at);
  };
  os->read = [](int fd, void* data, std::size_t size) -> ssize_t {
    return interrupted() ? -1 : ::read(fd, data, size < 3 ? size : 3);
  };
  os->pread = [](int fd, void* data, std::size_t size, off_t at) -> ssize_t {
    return interrupted() ? -1 : ::pread(fd, data, size < 3 ? size : 3, at);
  };
  write_file(dir / "f", "0123456789");
  CHECK(read_file(dir / "f") == "0123456789");
  const auto fd = open_file(dir / "f", O_RDWR);
  REQUIRE(fd.ok());
  REQUIRE(pwrite_full(fd->get(), as_bytes("abcdefg"), 5, "f").ok());
  Bytes bytes(100);
  const auto size = pread_full(fd->get(), bytes, 2, "f");
  REQUIRE(size.ok());
  CHECK(as_text(ByteView(bytes).first(*size)) == "234abcdefg");
  CHECK(interruptions > 10);
}

TEST_CASE("failing writes, syncs and closes are errors") {
  const TempDir dir;
  auto fd = open_file(dir / "f", O_WRONLY | O_CREAT, 0600);
  REQUIRE(fd.ok());
  OsFaults os;
  os->write = [](int, const void*, std::size_t) -> ssize_t { return 0; };
  CHECK(code_of(write_full(fd->get(), as_bytes("x"), "f")) == ErrorCode::io);
  os->fsync = [](int) { return errno = EIO, -1; };
  CHECK(code_of(fsync_file(fd->get(), "f")) == ErrorCode::io);
  os->close = [](int number) { return ::close(number), errno = ENOSPC, -1; };
  CHECK(code_of(fd->close("f")) == ErrorCode::no_space);
  CHECK_FALSE(static_cast<bool>(*fd));
  os->syncfs = [](int) { return errno = EIO, -1; };
  CHECK(code_of(sync_filesystem(0, "f")) == ErrorCode::io);
}

TEST_CASE("a rename without replacing never replaces, with either way of doing it") {
  const TempDir dir;
  OsFaults os;
  SUBCASE("the kernel's") {}
  SUBCASE("by link and unlink") {
    os->renameat2 = [](int, const char*, int, const char*, unsigned) { return errno = EINVAL, -1; };
  }
  write_file(dir / "a", "new");
  write_file(dir / "b", "old");
  CHECK(code_of(rename_no_replace(AT_FDCWD, dir / "a", AT_FDCWD, dir / "b")) == ErrorCode::already_exists);
  CHECK(read_file(dir / "a") == "new");
  CHECK(read_file(dir / "b") == "old");
  CHECK(rename_no_replace(AT_FDCWD, dir / "a", AT_FDCWD, dir / "c").ok());
  CHECK(read_file(dir / "c") == "new");
  CHECK(code_of(open_file(dir / "a", O_RDONLY)) == ErrorCode::not_found);
  CHECK(rename_replace(AT_FDCWD, dir / "c", AT_FDCWD, dir / "b").ok());
  CHECK(read_file(dir / "b") == "new");
}

TEST_CASE("a link that was made though its answer says otherwise is recognised") {
  const TempDir dir;
  OsFaults os;
  os->renameat2 = [](int, const char*, int, const char*, unsigned) { return errno = ENOSYS, -1; };
  os->linkat = [](int a, const char* from, int b, const char* to, int flags) {
    ::linkat(a, from, b, to, flags);
    return errno = EEXIST, -1;
  };
  write_file(dir / "a", "x");
  CHECK(rename_no_replace(AT_FDCWD, dir / "a", AT_FDCWD, dir / "b").ok());
  CHECK(read_file(dir / "b") == "x");
  os->linkat = [](int, const char*, int, const char*, int) { return errno = EPERM, -1; };
  write_file(dir / "a", "x");
  CHECK(code_of(rename_no_replace(AT_FDCWD, dir / "a", AT_FDCWD, dir / "c")) == ErrorCode::unsupported);
}

TEST_CASE("directories are made with their parents") {
  const TempDir dir;
  CHECK(make_directories(dir / "a/b/c/").ok());
  CHECK(make_directories(dir / "a/b/c").ok());
  write_file(dir / "f", "x");
  CHECK(code_of(make_directories(dir / "f")) == ErrorCode::precondition_failed);
  CHECK_FALSE(make_directories(dir / "f/g").ok());
}
