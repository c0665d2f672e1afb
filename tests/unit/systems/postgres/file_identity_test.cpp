#include <doctest/doctest.h>

#include <fcntl.h>

#include <fstream>

#include "systems/postgres/file_identity.hpp"
#include "systems/postgres/local_file.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'700'000'000 * kSecond;

struct stat status_of(std::int64_t changed_ns) {
  struct stat status {};
  status.st_dev = 66;
  status.st_ino = 4711;
  status.st_ctim = {changed_ns / kSecond, changed_ns % kSecond};
  return status;
}

}  // namespace

TEST_CASE("a file that took the inode of another one is told by its birth") {
  const struct stat status = status_of(kNow - 10 * kSecond);
  const Fingerprint first = make_fingerprint(status, kNow - 100 * kSecond, kNow);
  CHECK(make_fingerprint(status, kNow - 100 * kSecond, kNow + kSecond) == first);
  CHECK(make_fingerprint(status, kNow - 100 * kSecond + 1, kNow).device != first.device);
  CHECK(first.inode == 4711);
  CHECK(first.ctime_ns == kNow - 10 * kSecond);
  CHECK(knows_birth(first, status.st_dev));
}

TEST_CASE("a birth that is not known, or too fresh, proves nothing and equals none that does") {
  const struct stat status = status_of(kNow - 10 * kSecond);
  const Fingerprint bare = make_fingerprint(status, std::nullopt, kNow);
  CHECK(bare.device == 66);
  CHECK_FALSE(knows_birth(bare, status.st_dev));
  const Fingerprint fresh = make_fingerprint(status, kNow - 1'000'000, kNow);
  CHECK_FALSE(knows_birth(fresh, status.st_dev));
  CHECK(make_fingerprint(status, kNow - 1'000'000, kNow + kSecond).device != fresh.device);
}

TEST_CASE("a change time within the clock's tick is no change time") {
  CHECK(make_fingerprint(status_of(kNow - 1'000'000), std::nullopt, kNow).ctime_ns == 0);
  CHECK(make_fingerprint(status_of(kNow + kSecond), std::nullopt, kNow).ctime_ns == 0);
}

TEST_CASE("pages are compared with those of the same file alone, not of an earlier one at its place") {
  const testing::TempDir dir;
  const std::string path = dir / "16384";
  std::ofstream(path) << std::string(16384, 'x');
  const int opened = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(opened >= 0);
  struct stat status {};
  REQUIRE(::fstat(opened, &status) == 0);
  Entry now;
  now.path = "base/60000/16384";
  now.size_bytes = 16384;
  now.mtime_ns = 2;
  Entry earlier = now;
  earlier.mtime_ns = 1;
  EarlierCluster cluster;
  cluster.files[now.path] = {earlier.size_bytes, 0};
  cluster.unchanged_below = 1000;
  Reuse expected = Reuse::none;
  now.fingerprint = make_fingerprint(status, 1000, kNow);
  SUBCASE("the same birth") {
    earlier.fingerprint = make_fingerprint(status, 1000, kNow - kSecond);
    expected = Reuse::parts;
  }
  SUBCASE("another birth") { earlier.fingerprint = make_fingerprint(status, 2000, kNow - kSecond); }
  SUBCASE("a snapshot that knew no births") {
    earlier.fingerprint = make_fingerprint(status, std::nullopt, kNow - kSecond);
  }
  SUBCASE("a file system that knows no births") {
    now.fingerprint = earlier.fingerprint = make_fingerprint(status, std::nullopt, kNow);
  }
  LocalTally tally(0);
  const auto stream = make_local_file(now, base::UniqueFd(opened), {}, tally, &cluster);
  CHECK(stream->compare(earlier) == expected);
}
