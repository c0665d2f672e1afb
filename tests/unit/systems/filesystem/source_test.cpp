#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include <drkit/sources.hpp>

#include "testing/as_nobody.hpp"
#include "testing/copy_tree.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::copy_tree;
using drkit::testing::CopyReport;
using drkit::testing::TempDir;
namespace fs = std::filesystem;

namespace {

void write(const std::string& path, std::string_view text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

CopyReport walk(const std::string& root, const FilesystemOptions& options = {},
                const drkit::testing::EntryHook& hook = {}) {
  const Context ctx;
  auto source = make_filesystem_source(root, options);
  REQUIRE(source.ok());
  auto report = copy_tree(ctx, **source, nullptr, {}, hook);
  REQUIRE_MESSAGE(report.ok(), report.error().to_string());
  return *std::move(report);
}

std::vector<std::string> paths_of(const CopyReport& report) {
  std::vector<std::string> paths;
  for (const Entry& entry : report.entries) paths.push_back(entry.path);
  return paths;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("entries come in path order, the root first") {
  const TempDir dir;
  for (const char* name : {"b", "a-b", "a/z", "a/b/c", "a.b", "a b"}) write(dir / name, "x");
  const CopyReport report = walk(dir.path());
  CHECK(paths_of(report) == Paths{"", "a", "a/b", "a/b/c", "a/z", "a b", "a-b", "a.b", "b"});
  CHECK(report.entries[0].type == EntryType::directory);
  CHECK(report.problems.empty());
}

TEST_CASE("excludes prune, by name and by path") {
  const TempDir dir;
  for (const char* name : {"keep/a.o", "keep/a.c", "build/x", "sub/build/y", "sub/deep/build", "top/tmp/z", "tmp/z"}) {
    write(dir / name, "x");
  }
  CHECK(paths_of(walk(dir.path(), {.excludes = {"*.o", "build/", "/top/tmp"}})) ==
        Paths{"", "keep", "keep/a.c", "sub", "sub/deep", "sub/deep/build", "tmp", "tmp/z", "top"});
  CHECK(paths_of(walk(dir.path(), {.excludes = {"keep", "**/deep/**", "t*"}})) ==
        Paths{"", "build", "build/x", "sub", "sub/build", "sub/build/y", "sub/deep"});
}

TEST_CASE("of a tagged cache the tag is kept") {
  const TempDir dir;
  write(dir / "cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  write(dir / "cache/junk", "x");
  write(dir / "other/CACHEDIR.TAG", "no signature");
  write(dir / "other/file", "x");
  CHECK(paths_of(walk(dir.path(), {.exclude_caches = true})) ==
        Paths{"", "cache", "cache/CACHEDIR.TAG", "other", "other/CACHEDIR.TAG", "other/file"});
}

TEST_CASE("a single file is one entry") {
  const TempDir dir;
  write(dir / "sub/file", "text");
  fs::create_symlink("sub/file", dir / "link");
  CHECK(paths_of(walk(dir / "sub/file")) == Paths{"file"});
  const CopyReport report = walk(dir / "link");
  CHECK(paths_of(report) == Paths{"file"});
  CHECK(report.entries[0].size_bytes == 4);
}

TEST_CASE("a missing or unfit root ends the backup") {
  const TempDir dir;
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const Context ctx;
  CHECK((*make_filesystem_source(dir / "absent"))->begin(ctx).error().code() == ErrorCode::not_found);
  CHECK((*make_filesystem_source(dir / "fifo"))->begin(ctx).error().code() == ErrorCode::invalid_argument);
  CHECK_FALSE(make_filesystem_source("").ok());
}

TEST_CASE("hard links are told once") {
  const TempDir dir;
  write(dir / "b/first", "text");
  fs::create_hard_link(dir / "b/first", dir / "c");
  fs::create_hard_link(dir / "b/first", dir / "a");
  const CopyReport report = walk(dir.path());
  REQUIRE(paths_of(report) == Paths{"", "a", "b", "b/first", "c"});
  CHECK(report.entries[1].type == EntryType::regular);
  CHECK(report.entries[3].type == EntryType::hardlink);
  CHECK(report.entries[3].link_target == "a");
  CHECK(report.entries[4].link_target == "a");
}

TEST_CASE("a file that changes while it is read is reported") {
  struct Case {
    const char* name;
    std::function<void(const std::string&)> change;
  };
  const std::vector<Case> cases = {
      {"grows", [](const std::string& path) { std::ofstream(path, std::ios::app) << "more"; }},
      {"shrinks", [](const std::string& path) { fs::resize_file(path, 100'000); }},
      {"is rewritten in place",
       [](const std::string& path) {
         std::fstream file(path, std::ios::in | std::ios::out);
         file << "X";
       }},
      {"changes its mode", [](const std::string& path) { ::chmod(path.c_str(), 0611); }},
  };
  for (const Case& change : cases) {
    CAPTURE(change.name);
    const TempDir dir;
    write(dir / "file", std::string(300'000, 'a'));
    const Context ctx;
    const auto source = make_filesystem_source(dir / "file");
    REQUIRE((*source)->begin(ctx).ok());
    const auto stream = (*source)->next(ctx);
    Bytes buffer(65536);
    REQUIRE((*stream)->read(ctx, buffer)->data_bytes == 65536);
    change.change(dir / "file");
    Result<void> outcome;
    while (outcome.ok()) {
      const auto part = (*stream)->read(ctx, buffer);
      if (!part.ok()) outcome = part.error();
      if (!part.ok() || part->at_end()) break;
    }
    if (outcome.ok()) outcome = (*stream)->close(ctx);
    REQUIRE_FALSE(outcome.ok());
    CHECK(outcome.error().code() == ErrorCode::precondition_failed);
  }
}

TEST_CASE("a file replaced or deleted before its first read is reported, and a fifo in its place does not hang") {
  const TempDir dir;
  for (const char* name : {"deleted", "fifo", "link", "replaced"}) write(dir / name, "text");
  const CopyReport report = walk(dir.path(), {}, [&dir](const Entry& entry) {
    if (entry.type != EntryType::regular) return;
    const std::string path = dir / entry.path;
    fs::remove(path);
    if (entry.path == "fifo") ::mkfifo(path.c_str(), 0600);
    if (entry.path == "link") fs::create_symlink("/etc/passwd", path);
    if (entry.path == "replaced") write(path, "text");
  });
  REQUIRE(report.problems.size() == 4);
  CHECK(report.problems[0].code == ErrorCode::not_found);
  // The new file may well get the inode number of the old one.
  CHECK(report.problems[1].code == ErrorCode::precondition_failed);
  CHECK(report.problems[2].code != ErrorCode::ok);
  CHECK(report.problems[3].code == ErrorCode::precondition_failed);
}

TEST_CASE("after a first name that cannot be read the next hard link carries the content") {
  const TempDir dir;
  write(dir / "a", "text");
  fs::create_hard_link(dir / "a", dir / "b");
  const CopyReport report = walk(dir.path(), {}, [&dir](const Entry& entry) {
    if (entry.path == "a") fs::remove(dir / "a");
  });
  REQUIRE(paths_of(report) == Paths{"", "a", "b"});
  CHECK(report.problems.size() == 1);
  CHECK(report.entries[2].type == EntryType::regular);
}

TEST_CASE("what vanishes during the walk is left out") {
  const TempDir dir;
  for (const char* name : {"a", "b/c", "d"}) write(dir / name, "x");
  const CopyReport report = walk(dir.path(), {}, [&dir](const Entry& entry) {
    if (entry.path == "a") fs::remove_all(dir / "b");
  });
  CHECK(paths_of(report) == Paths{"", "a", "d"});
  CHECK(report.problems.empty());
}

TEST_CASE("unreadable files and directories are named, the rest is read") {
  const TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  for (const char* name : {"closed/x", "file", "secret", "z"}) write(dir / name, "x");
  REQUIRE(::chmod((dir / "closed").c_str(), 0) == 0);
  REQUIRE(::chmod((dir / "secret").c_str(), 0) == 0);
  const std::string answer = drkit::testing::run_as_nobody([&dir]() -> std::string {
    const Context ctx;
    auto source = make_filesystem_source(dir.path());
    auto report = copy_tree(ctx, **source, nullptr);
    if (!report.ok()) return report.error().to_string();
    std::string text;
    for (const Entry& entry : report->entries) text += entry.path + ",";
    for (const Problem& problem : report->problems) {
      text += problem.path + "=" + std::string(error_code_name(problem.code)) + ",";
    }
    return text;
  });
  CHECK(answer == ",closed,file,secret,z,closed=permission_denied,secret=permission_denied,");
}

TEST_CASE("holes are told as holes") {
  const TempDir dir;
  write(dir / "sparse", "");
  const int fd = ::open((dir / "sparse").c_str(), O_WRONLY);
  constexpr off_t kSize = off_t{64} << 30;
  REQUIRE(::ftruncate(fd, kSize) == 0);
  REQUIRE(::pwrite(fd, "data", 4, off_t{1} << 30) == 4);
  ::close(fd);
  const Context ctx;
  const auto source = make_filesystem_source(dir / "sparse");
  REQUIRE((*source)->begin(ctx).ok());
  const auto stream = (*source)->next(ctx);
  Bytes buffer(1 << 20);
  std::uint64_t data = 0;
  std::uint64_t holes = 0;
  int calls = 0;
  while (true) {
    const auto part = (*stream)->read(ctx, buffer);
    REQUIRE(part.ok());
    if (part->at_end()) break;
    data += part->data_bytes;
    holes += part->hole_bytes;
    ++calls;
  }
  CHECK((*stream)->close(ctx).ok());
  CHECK(data + holes == static_cast<std::uint64_t>(kSize));
  CHECK(data <= 1 << 20);
  CHECK(calls < 10);
}

TEST_CASE("trees deeper than the descriptors held open are walked whole") {
  const TempDir dir;
  constexpr int kDepth = 400;
  int at = ::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < kDepth; ++i) {
    REQUIRE(::mkdirat(at, "deeper-than-one-path", 0755) == 0);
    const int file = ::openat(at, "z", O_CREAT | O_WRONLY, 0644);
    REQUIRE(file >= 0);
    ::close(file);
    const int next = ::openat(at, "deeper-than-one-path", O_RDONLY | O_DIRECTORY);
    ::close(at);
    at = next;
  }
  ::close(at);
  const CopyReport report = walk(dir.path());
  CHECK(report.entries.size() == 1 + 2 * kDepth);
  CHECK(report.problems.empty());
  CHECK(std::is_sorted(report.entries.begin(), report.entries.end(),
                       [](const Entry& a, const Entry& b) { return entry_path_less(a.path, b.path); }));
}

TEST_CASE("an unfinished restore is not taken for a whole tree") {
  const TempDir dir;
  write(dir / ".drkit-restore-incomplete", "");
  const CopyReport report = walk(dir.path());
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].message == "the tree is an unfinished restore");
}

TEST_CASE("cancellation stops the walk") {
  const TempDir dir;
  write(dir / "a", "x");
  Context ctx;
  const auto source = make_filesystem_source(dir.path());
  REQUIRE((*source)->begin(ctx).ok());
  ctx.cancel.cancel();
  CHECK((*source)->next(ctx).error().code() == ErrorCode::cancelled);
}
