#include <doctest/doctest.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <drkit/sources.hpp>

#include "testing/as_nobody.hpp"
#include "testing/copy_tree.hpp"
#include "testing/process.hpp"
#include "testing/temp_dir.hpp"
#include "testing/tree_compare.hpp"
#include "unit/systems/filesystem/target_support.hpp"

using namespace drkit;
using drkit::testing::TempDir;
using namespace target_support;

TEST_CASE("a place that is not empty is refused and left as it is") {
  const TempDir dir;
  write(dir / "there", "mine");
  const auto target = make_filesystem_target(dir.path());
  const auto begin = (*target)->begin(Context(), {});
  REQUIRE_FALSE(begin.ok());
  CHECK(begin.error().code() == ErrorCode::precondition_failed);
  CHECK(begin.error().to_string().find("found=there") != std::string::npos);
  CHECK_FALSE(fs::exists(dir / kMarker));
}

TEST_CASE("an unfinished restore is marked, refused, and completed by a delta") {
  const TempDir dir;
  const std::string root = dir / "deep/er/root";
  {
    const auto target = begun(root);
    CHECK(put(*target, "a", "text").ok());
    CHECK(fs::exists(root + "/" + kMarker));
    const auto second = make_filesystem_target(root);
    CHECK((*second)->begin(Context(), RestoreSettings{.delta = true}).error().code() == ErrorCode::precondition_failed);
  }
  CHECK(fs::exists(root + "/" + kMarker));
  const auto again = make_filesystem_target(root);
  CHECK((*again)->begin(Context(), {}).error().message() ==
        "target holds an unfinished restore; a delta restore completes it");
  const auto delta = begun(root, true);
  CHECK(put(*delta, "a", "text").ok());
  CHECK(delta->finish(Context()).ok());
  CHECK_FALSE(fs::exists(root + "/" + kMarker));
  CHECK(content_of(root + "/a") == "text");
}

TEST_CASE("paths that lead outside are refused and named") {
  const TempDir dir;
  const auto target = begun(dir / "root");
  const std::string nul("a\0b", 3);
  for (const std::string& path :
       {std::string("/etc/x"), std::string(".."), std::string("../x"), std::string("a/../../x"), std::string("a//b"),
        std::string("a/"), std::string("./a"), nul, std::string(kMarker), std::string(300, 'n')}) {
    CAPTURE(path);
    for (const EntryType type : {EntryType::directory, EntryType::symlink, EntryType::fifo, EntryType::hardlink}) {
      const auto made = target->make(Context(), entry_of(path, type, "a"));
      REQUIRE_FALSE(made.ok());
      CHECK(made.error().code() == ErrorCode::invalid_argument);
      CHECK(made.error().context().at(0).first == "path");
    }
    CHECK(target->open(Context(), file_of(path, 1)).error().code() == ErrorCode::invalid_argument);
    CHECK(target->make(Context(), entry_of("h", EntryType::hardlink, path)).error().code() ==
          ErrorCode::invalid_argument);
  }
  CHECK(target->open(Context(), file_of("", 1)).error().code() == ErrorCode::invalid_argument);
  CHECK(target->finish(Context()).ok());
  CHECK(fs::is_empty(dir / "root"));
}

TEST_CASE("symlinks on the way are refused, in fresh restores and in deltas") {
  const TempDir dir;
  fs::create_directory(dir / "outside");
  write(dir / "outside/secret", "secret");
  for (const bool delta : {false, true}) {
    CAPTURE(delta);
    const std::string root = dir / (delta ? "delta" : "fresh");
    fs::create_directory(root);
    const auto target = begun(root, delta);
    REQUIRE(target->make(Context(), entry_of("trap", EntryType::symlink, "../outside")).ok());
    REQUIRE(target->make(Context(), entry_of("file-trap", EntryType::symlink, "../outside/secret")).ok());
    const auto opened = target->open(Context(), file_of("trap/new", 1));
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().code() == ErrorCode::corrupt);
    CHECK(opened.error().message() == "refused path: a symbolic link is on the way");
    for (const EntryType type : {EntryType::directory, EntryType::symlink, EntryType::fifo}) {
      const std::string path = "trap/" + std::to_string(static_cast<int>(type));
      CHECK(target->make(Context(), entry_of(path, type, "y")).error().code() == ErrorCode::corrupt);
    }
    CHECK(target->open(Context(), file_of("file-trap", 1)).error().code() == ErrorCode::already_exists);
    REQUIRE(target->make(Context(), entry_of("stolen", EntryType::hardlink, "trap/secret")).ok());
    CHECK(target->finish(Context()).error().code() == ErrorCode::corrupt);
  }
  CHECK(content_of(dir / "outside/secret") == "secret");
  CHECK(fs::hard_link_count(dir / "outside/secret") == 1);
  CHECK(std::distance(fs::directory_iterator(dir / "outside"), fs::directory_iterator()) == 1);
}

TEST_CASE("a file destroyed before close leaves nothing under its name") {
  const TempDir dir;
  const auto target = begun(dir / "root");
  {
    const auto sink = target->open(Context(), file_of("half", 8));
    REQUIRE((*sink)->write_at(Context(), 0, as_bytes("half")).ok());
    CHECK(fs::exists(dir / "root/half"));
  }
  CHECK_FALSE(fs::exists(dir / "root/half"));
  CHECK(target->open(Context(), file_of("whole", 4)).ok());
  const auto sink = target->open(Context(), file_of("f", 4));
  CHECK((*sink)->write_at(Context(), 2, as_bytes("toolong")).error().code() == ErrorCode::corrupt);
}

TEST_CASE("names given twice are refused") {
  const TempDir dir;
  for (const bool delta : {false, true}) {
    const auto target = begun(dir / (delta ? "delta" : "fresh"), delta);
    REQUIRE(put(*target, "f", "x").ok());
    CHECK(put(*target, "f", "y").error().code() == ErrorCode::already_exists);
    CHECK(target->make(Context(), entry_of("f", EntryType::fifo)).error().code() == ErrorCode::already_exists);
  }
}

TEST_CASE("sinks take ranges from several threads in any order, and the rest is holes") {
  const TempDir dir;
  const auto target = begun(dir / "root");
  constexpr std::uint64_t kSize = 64 << 20;
  constexpr std::size_t kPart = 1 << 16;
  auto sink = target->open(Context(), file_of("f", kSize));
  std::vector<std::thread> threads;
  for (unsigned worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&sink, worker] {
      const std::string part(kPart, static_cast<char>('a' + worker));
      for (std::uint64_t i = 0; i < 4; ++i) {
        const std::uint64_t at = (15 - (i * 4 + worker)) * (kSize / 16);
        if (!(*sink)->write_at(Context(), at, as_bytes(part)).ok()) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE((*sink)->close(Context()).ok());
  const std::string path = dir / "root/f";
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_size == static_cast<off_t>(kSize));
  CHECK(status.st_blocks * 512 < 4 << 20);
  std::ifstream file(path, std::ios::binary);
  for (unsigned i = 0; i < 16; ++i) {
    file.seekg(static_cast<std::streamoff>((15 - i) * (kSize / 16)));
    CHECK(file.get() == 'a' + static_cast<int>(i % 4));
  }
}

TEST_CASE("until finish nobody else may look into a restored directory, and then modes and times are right") {
  const TempDir dir;
  const auto target = begun(dir / "root");
  Entry open_dir = entry_of("d", EntryType::directory);
  open_dir.mode = 02755;
  open_dir.mtime_ns = -1;
  Entry root = entry_of("", EntryType::directory);
  root.mode = 0750;
  root.mtime_ns = 1'234'567'890'123'456'789;
  REQUIRE(target->make(Context(), root).ok());
  REQUIRE(target->make(Context(), open_dir).ok());
  struct stat status {};
  REQUIRE(::stat((dir / "root/d").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  REQUIRE(put(*target, "d/f", "x").ok());
  REQUIRE(target->finish(Context()).ok());
  REQUIRE(::stat((dir / "root/d").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 02755);
  CHECK(status.st_mtim.tv_sec == -1);
  CHECK(status.st_mtim.tv_nsec == 999'999'999);
  REQUIRE(::stat((dir / "root").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0750);
  CHECK(status.st_mtim.tv_nsec == 123'456'789);
}

TEST_CASE("a root whose attributes cannot be set leaves the restore unfinished") {
  const TempDir dir;
  const auto target = begun(dir / "root");
  Entry root = entry_of("", EntryType::directory);
  root.xattrs = {{"nowhere.drkit-test", "x"}};  // of a namespace that no file system has
  REQUIRE(target->make(Context(), root).ok());
  REQUIRE_FALSE(target->finish(Context()).ok());
  CHECK(fs::exists(dir / ("root/" + std::string(kMarker))));
}

TEST_CASE("a root that may not be written gets its mode and its time, and loses the mark of the restore") {
  const TempDir dir;
  fs::permissions(dir.path(), fs::perms(0777));
  for (const std::uint32_t mode : {0555U, 0U, 02750U}) {
    CAPTURE(mode);
    const std::string place = dir / std::to_string(mode);
    const std::string answer = drkit::testing::run_as_nobody([&]() -> std::string {
      const Context ctx;
      const auto target = make_filesystem_target(place);
      if (auto begin = (*target)->begin(ctx, {}); !begin.ok()) return begin.error().to_string();
      Entry root = entry_of("", EntryType::directory);
      root.mode = mode;
      root.mtime_ns = 1'234'567'890'123'456'789;
      if (!(*target)->make(ctx, root).ok()) return "make";
      const auto finished = (*target)->finish(ctx);
      return finished.ok() ? "" : finished.error().to_string();
    });
    CHECK(answer == "");
    struct stat status {};
    REQUIRE(::stat(place.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == mode);
    CHECK(status.st_mtim.tv_sec == 1'234'567'890);
    CHECK(status.st_mtim.tv_nsec == 123'456'789);
    fs::permissions(place, fs::perms(0777));
    CHECK(fs::is_empty(place));
  }
}

TEST_CASE("an unprivileged restore keeps its own user's owner, and says what it cannot make") {
  const TempDir dir;
  fs::permissions(dir.path(), fs::perms(0777));
  const std::string answer = drkit::testing::run_as_nobody([&dir]() -> std::string {
    const Context ctx;
    const auto target = make_filesystem_target(dir / "root");
    if (auto begin = (*target)->begin(ctx, {}); !begin.ok()) return begin.error().to_string();
    Entry file = file_of("f", 1);
    file.uid = 0;
    file.xattrs = {{"security.drkit-test", "x"}, {"trusted.drkit-test", "x"}};
    auto sink = (*target)->open(ctx, file);
    if (!sink.ok()) return sink.error().to_string();
    if (!(*sink)->write_at(ctx, 0, as_bytes("x")).ok()) return "write";
    if (auto closed = (*sink)->close(ctx); !closed.ok()) return closed.error().to_string();
    Entry null_device = entry_of("device", EntryType::char_device);
    null_device.device_number = makedev(1, 3);
    const auto device = (*target)->make(ctx, null_device);
    if (device.ok() || device.error().code() != ErrorCode::permission_denied) return "device";
    auto finished = (*target)->finish(ctx);
    return finished.ok() ? "" : finished.error().to_string();
  });
  CHECK(answer == "");
  CHECK(content_of(dir / "root/f") == "x");
}

TEST_CASE("a delta restore empties nothing that is mounted where the snapshot has an empty directory") {
  const TempDir dir;
  const std::string root = dir / "root";
  drkit::testing::Child child([&] {
    std::filesystem::create_directories(root + "/mounted");
    const int space = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;
    if (::unshare(space) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 90;
    if (::mount("tmpfs", (root + "/mounted").c_str(), "tmpfs", 0, "size=1m") != 0) return 91;
    std::ofstream(root + "/mounted/other") << "data";
    std::ofstream(root + "/unknown") << "data";
    auto target = make_filesystem_target(root);
    if (!target || !(*target)->begin(Context(), RestoreSettings{.delta = true}).ok()) return 1;
    Entry directory;
    directory.path = "mounted";
    directory.type = EntryType::directory;
    directory.mode = 0755;
    if (!(*target)->make(Context(), directory).ok() || !(*target)->finish(Context()).ok()) return 2;
    if (std::filesystem::exists(root + "/unknown")) return 3;
    return std::filesystem::exists(root + "/mounted/other") ? 0 : 4;
  });
  CHECK(child.wait() == 0);
}
