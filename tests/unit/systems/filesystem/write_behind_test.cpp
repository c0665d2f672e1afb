#include "systems/filesystem/write_behind.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "testing/os_faults.hpp"
#include "testing/temp_dir.hpp"

using drkit::base::open_file;
using drkit::systems::filesystem::WriteBehind;
using drkit::testing::OsFaults;
using drkit::testing::TempDir;

namespace {

std::atomic<int> syncs = 0;

bool syncs_become(int wanted) {
  for (int i = 0; i < 4000 && syncs < wanted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return syncs >= wanted;
}

}  // namespace

TEST_CASE("much new data is written early, little is left to the end, and a failure does not stop it") {
  const TempDir dir;
  const auto root = open_file(dir.path(), O_RDONLY | O_DIRECTORY);
  REQUIRE(root.ok());
  syncs = 0;
  OsFaults os;
  os->syncfs = [](int) { return ++syncs, errno = EIO, -1; };
  WriteBehind early;
  early.start(root->get());
  early.count(1000);
  CHECK(syncs == 0);
  early.count(std::uint64_t{100} << 20);
  CHECK(syncs_become(1));
  for (int i = 0; i < 20'000; ++i) early.count(0);
  CHECK(syncs_become(2));
  early.stop();
  const int all = syncs;
  early.count(std::uint64_t{1} << 40);
  early.stop();
  CHECK(syncs == all);
}

TEST_CASE("without a file system to sync nothing happens early") {
  WriteBehind early;
  early.start(-1);
  early.count(std::uint64_t{1} << 40);
  early.stop();
}
