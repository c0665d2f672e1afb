#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/posix_file.hpp"
#include "unit/systems/filesystem/target_support.hpp"

using drkit::testing::TempDir;
using namespace target_support;

TEST_CASE("a delta replaces symlinks that stand where the snapshot has files and directories") {
  const TempDir dir;
  fs::create_directory(dir / "outside");
  write(dir / "outside/f", "precious");
  fs::create_directory(dir / "root");
  fs::create_directory_symlink("../outside", dir / "root/d");
  fs::create_symlink("../outside/f", dir / "root/f");
  const auto target = begun(dir / "root", true);
  REQUIRE(target->make(Context(), entry_of("d", EntryType::directory)).ok());
  REQUIRE(put(*target, "d/f", "new").ok());
  REQUIRE(put(*target, "f", "new").ok());
  REQUIRE(target->finish(Context()).ok());
  CHECK(content_of(dir / "outside/f") == "precious");
  CHECK(content_of(dir / "root/d/f") == "new");
  CHECK(content_of(dir / "root/f") == "new");
}

TEST_CASE("a delta never writes through a hard link to somewhere else") {
  const TempDir dir;
  fs::create_directory(dir / "root");
  write(dir / "yesterday", "precious");
  fs::create_hard_link(dir / "yesterday", dir / "root/f");
  const auto target = begun(dir / "root", true);
  REQUIRE(put(*target, "f", "changed!").ok());
  REQUIRE(target->finish(Context()).ok());
  CHECK(content_of(dir / "yesterday") == "precious");
  CHECK(content_of(dir / "root/f") == "changed!");
}

TEST_CASE("a file that was there outlives a delta that fails") {
  const TempDir dir;
  fs::create_directory(dir / "root");
  write(dir / "root/f", "precious");
  write(dir / "root/linked", "precious");
  fs::create_hard_link(dir / "root/linked", dir / "outside");
  const auto target = begun(dir / "root", true);
  for (const char* name : {"f", "linked"}) {
    const auto sink = target->open(Context(), file_of(name, 16));
    REQUIRE(sink.ok());
    REQUIRE((*sink)->write_at(Context(), 8, as_bytes("new")).ok());
  }
  CHECK(content_of(dir / "root/f").starts_with("precious"));
  CHECK(content_of(dir / "root/linked") == "precious");
  CHECK(content_of(dir / "outside") == "precious");
  CHECK(std::distance(fs::directory_iterator(dir / "root"), fs::directory_iterator()) == 3);  // and the marker
}

TEST_CASE("a delta keeps a linked file that is right, and gives one that is not a copy of its own") {
  const TempDir dir;
  fs::create_directory(dir / "root");
  const std::string text(3 << 20, 'x');
  write(dir / "root/same", text);
  write(dir / "root/other", text);
  fs::create_hard_link(dir / "root/same", dir / "same-outside");
  fs::create_hard_link(dir / "root/other", dir / "other-outside");
  struct stat before {
  }, after{};
  REQUIRE(::stat((dir / "root/same").c_str(), &before) == 0);
  const Context ctx;
  const auto target = begun(dir / "root", true);
  for (const char* name : {"same", "other"}) {
    Entry entry = file_of(name, text.size());
    entry.mode = before.st_mode & 07777;
    entry.mtime_ns = before.st_mtim.tv_sec * 1'000'000'000 + before.st_mtim.tv_nsec;
    const auto sink = target->open(ctx, entry);
    REQUIRE(sink.ok());
    Bytes now(text.size());
    REQUIRE(*(*sink)->read_at(ctx, 0, now) == text.size());
    if (entry.path == "other") REQUIRE((*sink)->write_at(ctx, 2'000'000, as_bytes("CHANGED")).ok());
    REQUIRE((*sink)->close(ctx).ok());
  }
  REQUIRE(target->finish(ctx).ok());
  REQUIRE(::stat((dir / "root/same").c_str(), &after) == 0);
  CHECK(after.st_ino == before.st_ino);
  std::string changed = text;
  changed.replace(2'000'000, 7, "CHANGED");
  CHECK(content_of(dir / "root/other") == changed);
  CHECK(content_of(dir / "other-outside") == text);
  CHECK(fs::hard_link_count(dir / "root/other") == 1);
}

TEST_CASE("a delta parts names that the snapshot does not link") {
  const TempDir dir;
  fs::create_directory(dir / "root");
  write(dir / "root/a", "text");
  fs::create_hard_link(dir / "root/a", dir / "root/b");
  const Context ctx;
  const auto target = begun(dir / "root", true);
  for (const char* name : {"a", "b"}) {
    const auto sink = target->open(ctx, file_of(name, 4));
    REQUIRE(sink.ok());
    Bytes now(4);
    REQUIRE(*(*sink)->read_at(ctx, 0, now) == 4);
    REQUIRE((*sink)->close(ctx).ok());
  }
  REQUIRE(target->finish(ctx).ok());
  CHECK(content_of(dir / "root/a") == "text");
  CHECK(content_of(dir / "root/b") == "text");
  CHECK(fs::hard_link_count(dir / "root/a") == 1);
}

TEST_CASE("a delta refuses a place that holds nothing of the snapshot") {
  const TempDir dir;
  fs::create_directory(dir / "root");
  write(dir / "root/precious", "x");
  RestoreSettings settings{.delta = true};
  settings.top_names = {"base", "global"};
  auto target = make_filesystem_target(dir / "root");
  CHECK((*target)->begin(Context(), settings).error().code() == ErrorCode::precondition_failed);
  CHECK(std::distance(fs::directory_iterator(dir / "root"), fs::directory_iterator()) == 1);
  fs::create_directory(dir / "root/base");
  target = make_filesystem_target(dir / "root");
  CHECK((*target)->begin(Context(), settings).ok());
}

TEST_CASE("a delta leaves equal files alone, clears what became a hole and removes the rest") {
  const TempDir dir;
  fs::create_directories(dir / "root/old/deep");
  write(dir / "root/old/deep/x", "x");
  write(dir / "root/same", "same");
  write(dir / "root/holey", std::string(1 << 20, 'o'));
  struct stat before {};
  REQUIRE(::chmod((dir / "root/same").c_str(), 0700) == 0);
  REQUIRE(::stat((dir / "root/same").c_str(), &before) == 0);
  const Context ctx;
  const auto target = begun(dir / "root", true);
  Entry same = file_of("same", 4);
  same.mtime_ns = before.st_mtim.tv_sec * 1'000'000'000 + before.st_mtim.tv_nsec;
  const auto sink = target->open(ctx, same);
  Bytes now(4);
  CHECK(*(*sink)->read_at(ctx, 0, now) == 4);
  CHECK(as_text(now) == "same");
  CHECK((*sink)->close(ctx).ok());
  const auto holey = target->open(ctx, file_of("holey", 2 << 20));
  CHECK((*holey)->write_at(ctx, 100'000, as_bytes("data")).ok());
  CHECK((*holey)->close(ctx).ok());
  CHECK(target->finish(ctx).ok());
  struct stat after {};
  REQUIRE(::stat((dir / "root/same").c_str(), &after) == 0);
  CHECK(after.st_ino == before.st_ino);
  CHECK(after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
  std::string expected(2 << 20, '\0');
  expected.replace(100'000, 4, "data");
  CHECK(content_of(dir / "root/holey") == expected);
  CHECK_FALSE(fs::exists(dir / "root/old"));
}

TEST_CASE("room that an interrupted restore took and did not fill is given back") {
  const TempDir dir;
  fs::create_directories(dir / "root");
  constexpr off_t kTaken = 3 << 20;
  for (const char* name : {"inside", "behind"}) {
    const base::UniqueFd fd(::open((dir / ("root/" + std::string(name))).c_str(), O_RDWR | O_CREAT, 0600));
    REQUIRE(fd);
    if (std::string(name) == "inside") REQUIRE(::ftruncate(fd.get(), kTaken) == 0);
    if (::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, kTaken) != 0) return;  // nothing can be taken here
  }
  const Context ctx;
  const auto target = begun(dir / "root", true);
  for (const char* name : {"behind", "inside"}) {
    CAPTURE(name);
    const auto sink = target->open(ctx, file_of(name, kTaken));
    CHECK((*sink)->write_at(ctx, 100'000, as_bytes("data")).ok());
    CHECK((*sink)->close(ctx).ok());
    struct stat status {};
    const std::string path = dir / ("root/" + std::string(name));
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK(status.st_size == kTaken);
    CHECK(status.st_blocks * 512 < kTaken / 4);
    std::string expected(kTaken, '\0');
    expected.replace(100'000, 4, "data");
    CHECK(content_of(path) == expected);
  }
  CHECK(target->finish(ctx).ok());
}
