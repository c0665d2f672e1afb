#include "systems/filesystem/direct_writer.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/buffer.hpp"
#include "testing/full_disk.hpp"
#include "testing/os_faults.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::systems::filesystem::DirectWriter;
using drkit::testing::OsFaults;
using drkit::testing::TempDir;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

base::Buffer pattern(std::size_t size) {
  base::Buffer buffer;
  buffer.resize(size);
  for (std::size_t i = 0; i < size; ++i) buffer.data()[i] = static_cast<std::byte>(i * 31 + (i >> 9));
  return buffer;
}

struct NewFile {
  TempDir dir;
  base::UniqueFd fd;
  NewFile() {
    auto made = base::open_file(dir / "f", O_RDWR | O_CREAT, 0600);
    REQUIRE(made.ok());
    fd = std::move(*made);
  }
  Bytes content(std::uint64_t offset, std::size_t size) const {
    Bytes bytes(size);
    const auto got = base::pread_full(fd.get(), bytes, offset, "f");
    REQUIRE(got.ok());
    bytes.resize(*got);
    return bytes;
  }
};

bool same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

}  // namespace

TEST_CASE("whole blocks go past the page cache, in any order, and the file gets its length at once") {
  const NewFile file;
  const base::Buffer bytes = pattern(2 * kMiB);
  DirectWriter writer(3 * kMiB + 5);
  const auto second = writer.write(file.fd.get(), bytes.view().subspan(kMiB), kMiB, "f");
  REQUIRE(second.ok());
  // A file system without it is as good as one with it, by the usual way.
  if (!*second) {
    CHECK(file.content(0, 1).empty());
    return;
  }
  CHECK(::lseek(file.fd.get(), 0, SEEK_END) == 3 * kMiB + 5);
  REQUIRE(writer.write(file.fd.get(), bytes.view().first(kMiB), 0, "f").ok());
  CHECK(same(file.content(0, 2 * kMiB), bytes.view()));
}

TEST_CASE("small pieces, pieces off the blocks and memory off the blocks are left to the caller") {
  const NewFile file;
  const base::Buffer bytes = pattern(kMiB + 4096);
  DirectWriter writer(2 * kMiB);
  const ByteView all = bytes.view();
  CHECK_FALSE(*writer.write(file.fd.get(), all.first(8192), 0, "f"));
  CHECK_FALSE(*writer.write(file.fd.get(), all.first(kMiB), 512, "f"));
  CHECK_FALSE(*writer.write(file.fd.get(), all.first(kMiB - 1), 0, "f"));
  CHECK_FALSE(*writer.write(file.fd.get(), all.subspan(8, kMiB), 0, "f"));
  CHECK(::lseek(file.fd.get(), 0, SEEK_END) == 0);
}

TEST_CASE("a file system that refuses is no error, a disk that fails is one") {
  const NewFile file;
  const base::Buffer bytes = pattern(kMiB);
  DirectWriter writer(kMiB);
  OsFaults os;
  os->pwrite = [](int, const void*, std::size_t, off_t) -> ssize_t { return errno = EINVAL, -1; };
  const auto refused = writer.write(file.fd.get(), bytes.view(), 0, "f");
  REQUIRE(refused.ok());
  CHECK_FALSE(*refused);
  os->pwrite = [](int, const void*, std::size_t, off_t) -> ssize_t { return errno = ENOSPC, -1; };
  const auto full = writer.write(file.fd.get(), bytes.view(), 0, "f");
  // Where the file system has no such descriptor nothing is tried.
  if (!full.ok()) CHECK(full.error().code() == ErrorCode::no_space);
}

TEST_CASE("the room for a whole file is taken before its first byte, and its length stays what it is") {
  const NewFile file;
  DirectWriter writer(3 * kMiB);
  REQUIRE(writer.reserve(file.fd.get(), "f").ok());
  struct stat status;
  REQUIRE(::fstat(file.fd.get(), &status) == 0);
  CHECK(status.st_size == 0);
  CHECK(static_cast<std::uint64_t>(status.st_blocks) * 512 >= 3 * kMiB);
  const base::Buffer bytes = pattern(kMiB);
  const auto written = writer.write(file.fd.get(), bytes.view(), 2 * kMiB, "f");
  REQUIRE(written.ok());
  if (*written) CHECK(same(file.content(2 * kMiB, kMiB), bytes.view()));
}

TEST_CASE("a file that has no room is an error before anything is written") {
  const int answer = drkit::testing::on_full_disk([](const std::string& directory) {
    const auto file = base::open_file(directory + "/f", O_RDWR | O_CREAT, 0600);
    if (!file) return 1;
    const auto reserved = DirectWriter(4 * kMiB).reserve(file->get(), "f");
    // Without privilege the place is made small by a limit on files, which is no full disk.
    if (reserved.ok()) return ::geteuid() == 0 ? 2 : 0;
    return reserved.error().code() == ErrorCode::no_space ? 0 : 3;
  });
  CHECK(answer == 0);
}
