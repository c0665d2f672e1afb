// The local storage under faults: full disks, failing calls, killed writers, racing processes, traps.
#include <dirent.h>
#include <doctest/doctest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <drkit/storage.hpp>

#include "testing/fake_clock.hpp"
#include "testing/full_disk.hpp"
#include "testing/os_faults.hpp"
#include "testing/process.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

StoragePtr open_local(const std::string& path) {
  auto made = make_local_storage(path, {.create = true});
  REQUIRE(made.ok());
  return std::move(*made);
}

template <class T>
ErrorCode code_of(const Result<T>& result) {
  return result.ok() ? ErrorCode::ok : result.error().code();
}

std::vector<std::string> keys(Storage& storage) {
  std::vector<std::string> found;
  const auto listed = storage.list({}, "", [&](const ObjectInfo& info) {
    found.push_back(info.key);
    return true;
  });
  REQUIRE_MESSAGE(listed.ok(), listed.error().to_string());
  return found;
}

std::size_t temp_files(const std::string& root) {
  std::error_code absent;
  const std::filesystem::directory_iterator files(root + "/tmp~", absent);
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

Bytes repeated(std::uint8_t value, std::size_t size) { return Bytes(size, static_cast<std::byte>(value)); }

// Exit codes tell which expectation failed, for the child has no test framework.
int fill_disk(const std::string& directory) {
  auto storage = make_local_storage(directory + "/repo", {.create = true});
  if (!storage) return 1;
  const Bytes small = repeated(1, 200'000);
  if (!(*storage)->put({}, "data/small", small, {}).ok()) return 2;
  for (const bool if_absent : {false, true}) {
    const auto refused = (*storage)->put({}, "data/large", repeated(2, 2'000'000), {.if_absent = if_absent});
    if (code_of(refused) != ErrorCode::no_space) return 3;
    if (refused.error().to_string().find("key=data/large") == std::string::npos) return 4;
    if (code_of((*storage)->stat({}, "data/large")) != ErrorCode::not_found) return 5;
    if (temp_files(directory + "/repo") != 0) return 6;
  }
  const auto kept = (*storage)->get({}, "data/small", {});
  if (!kept || *kept != small) return 7;
  if (!(*storage)->remove({}, "data/small").ok()) return 8;
  return (*storage)->put({}, "data/again", small, {.if_absent = true}).ok() ? 0 : 9;
}

// Puts objects that repeat one byte for ever; the key says which and how many.
int put_for_ever(const std::string& root) {
  const auto storage = make_local_storage(root);
  if (!storage) return 1;
  for (unsigned i = 0;; ++i) {
    const Bytes bytes = repeated(static_cast<std::uint8_t>(i), 300'000);
    const std::string key = "data/" + std::to_string(i % 4) + "/" + std::to_string(i);
    if (!(*storage)->put({}, key, bytes, {.if_absent = i % 2 == 0}).ok()) return 2;
    if (!(*storage)->put({}, "shared", bytes, {}).ok()) return 3;
  }
}

void check_whole(Storage& storage, const std::string& key) {
  const auto got = storage.get({}, key, {});
  REQUIRE_MESSAGE(got.ok(), key);
  REQUIRE(got->size() == 300'000);
  CHECK(*got == Bytes(300'000, got->front()));
}

}  // namespace

TEST_CASE("a full disk is no_space, loses nothing, leaves nothing, and can be pruned") {
  CHECK(on_full_disk(fill_disk) == 0);
}

TEST_CASE("a writer killed at any moment leaves whole objects only") {
  std::mt19937 random(20240611);
  const TempDir dir;
  const auto storage = open_local(dir.path());
  std::size_t seen = 0;
  for (int round = 0; round < 12; ++round) {
    Child writer([&] { return put_for_ever(dir.path()); });
    REQUIRE(writer.started());
    std::this_thread::sleep_for(std::chrono::microseconds(5'000 + random() % 40'000));
    CHECK(writer.kill_now() == -SIGKILL);
    for (const std::string& key : keys(*storage)) {
      check_whole(*storage, key);
      ++seen;
      if (key != "shared") REQUIRE(storage->remove({}, key).ok());
    }
  }
  CHECK(seen > 12);
  CHECK(temp_files(dir.path()) > 0);
}

TEST_CASE("of several processes that create one key exactly one wins") {
  const TempDir dir;
  const auto storage = open_local(dir.path());
  constexpr std::uint8_t kProcesses = 4;
  for (int round = 0; round < 10; ++round) {
    const std::string key = "race/" + std::to_string(round);
    std::array<int, 2> start{};
    REQUIRE(::pipe(start.data()) == 0);
    std::vector<std::unique_ptr<Child>> children;
    for (std::uint8_t number = 0; number < kProcesses; ++number) {
      children.push_back(std::make_unique<Child>([&] {
        const auto own = make_local_storage(dir.path());
        char byte = 0;
        ::close(start[1]);
        static_cast<void>(!::read(start[0], &byte, 1));
        if (!own) return 3;
        const auto put = (*own)->put({}, key, repeated(number, 1000), {.if_absent = true});
        return put.ok() ? 0 : code_of(put) == ErrorCode::already_exists ? 1 : 2;
      }));
    }
    ::close(start[0]);
    ::close(start[1]);
    int winner = -1;
    for (int number = 0; number < kProcesses; ++number) {
      const int answer = children[static_cast<std::size_t>(number)]->wait();
      CHECK(answer <= 1);
      if (answer != 0) continue;
      CHECK(winner == -1);
      winner = number;
    }
    REQUIRE(winner >= 0);
    const auto got = storage->get({}, key, {});
    REQUIRE(got.ok());
    CHECK(*got == repeated(static_cast<std::uint8_t>(winner), 1000));
  }
  CHECK(temp_files(dir.path()) == 0);
}

TEST_CASE("a put whose write, sync or close fails puts nothing and leaves nothing") {
  const TempDir dir;
  const auto storage = open_local(dir.path());
  REQUIRE(storage->put({}, "d/old", as_bytes("old"), {}).ok());
  {
    OsFaults os;
    SUBCASE("write") {
      os->write = [](int, const void*, std::size_t) -> ssize_t { return errno = EIO, -1; };
    }
    SUBCASE("fsync") {
      os->fsync = [](int) { return errno = EIO, -1; };
    }
    SUBCASE("close") {
      os->close = [](int fd) {
        struct stat status {};
        const bool file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
        ::close(fd);
        return file ? (errno = EIO, -1) : 0;
      };
    }
    SUBCASE("rename") {
      os->renameat2 = [](int, const char*, int, const char*, unsigned) { return errno = EIO, -1; };
    }
    CHECK(code_of(storage->put({}, "d/new", as_bytes("new"), {.if_absent = true})) == ErrorCode::io);
  }
  CHECK(keys(*storage) == std::vector<std::string>{"d/old"});
  CHECK(temp_files(dir.path()) == 0);
}

TEST_CASE("every new name is made durable: the file, its directory and each new parent") {
  const TempDir dir;
  const auto storage = open_local(dir.path());
  REQUIRE(storage->put({}, "first", as_bytes("x"), {}).ok());
  static std::vector<std::string> synced;
  synced.clear();
  OsFaults os;
  os->fsync = [](int fd) {
    synced.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).filename());
    return ::fsync(fd);
  };
  REQUIRE(storage->put({}, "aa/bb/key", as_bytes("x"), {}).ok());
  const std::string root = std::filesystem::path(dir.path()).filename();
  REQUIRE(synced.size() == 4);
  CHECK(synced[0] == root);
  CHECK(synced[1] == "aa");
  CHECK(synced[2].size() == 32);
  CHECK(synced[3] == "bb");
  synced.clear();
  REQUIRE(storage->put({}, "aa/bb/other", as_bytes("x"), {}).ok());
  CHECK(synced.size() == 2);
  synced.clear();
  CHECK(code_of(storage->put({}, "aa/bb/other", as_bytes("x"), {.if_absent = true})) == ErrorCode::already_exists);
  CHECK(synced == std::vector<std::string>{"bb"});
}

TEST_CASE("directories of others are made durable as long as nothing proves that they are") {
  const TempDir dir;
  REQUIRE(open_local(dir.path())->put({}, "aa/bb/key", as_bytes("x"), {}).ok());
  REQUIRE(std::filesystem::create_directory(dir / "aa/cc"));
  static std::vector<std::string> synced;
  OsFaults os;
  os->fsync = [](int fd) {
    synced.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).filename());
    return ::fsync(fd);
  };
  synced.clear();
  REQUIRE(open_local(dir.path())->put({}, "aa/cc/other", as_bytes("x"), {}).ok());
  REQUIRE(synced.size() == 3);
  CHECK(synced[0] == "aa");
  CHECK(synced[2] == "cc");
  synced.clear();
  REQUIRE(open_local(dir.path())->put({}, "aa/cc/third", as_bytes("x"), {}).ok());
  REQUIRE(synced.size() == 2);
  CHECK(synced[1] == "cc");
}

TEST_CASE("symbolic links below the root are refused, never followed") {
  const TempDir dir;
  const TempDir outside;
  std::ofstream(outside / "secret") << "secret";
  const auto storage = open_local(dir.path());
  REQUIRE(::symlink(outside.path().c_str(), (dir / "link").c_str()) == 0);
  REQUIRE(storage->put({}, "d/a", as_bytes("x"), {}).ok());
  REQUIRE(::symlink((outside / "secret").c_str(), (dir / "d/file").c_str()) == 0);
  constexpr auto kDenied = ErrorCode::permission_denied;
  CHECK(code_of(storage->get({}, "link/secret", {})) == kDenied);
  CHECK(code_of(storage->put({}, "link/new", as_bytes("x"), {})) == kDenied);
  CHECK(code_of(storage->remove({}, "link/secret")) == kDenied);
  CHECK(code_of(storage->get({}, "d/file", {})) == kDenied);
  CHECK(code_of(storage->put({}, "d/file", as_bytes("x"), {})) == kDenied);
  CHECK(code_of(storage->list({}, "d/", [](const ObjectInfo&) { return true; })) == kDenied);
  CHECK(code_of(storage->list({}, "link/", [](const ObjectInfo&) { return true; })) == kDenied);
  CHECK(std::distance(std::filesystem::directory_iterator(outside.path()), {}) == 1);
  std::ifstream file(outside / "secret");
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == "secret");
}

TEST_CASE("a key that is the directory of another key is refused, and is no object") {
  const TempDir dir;
  const auto storage = open_local(dir.path());
  REQUIRE(storage->put({}, "a/b", as_bytes("x"), {}).ok());
  for (const bool if_absent : {false, true}) {
    CHECK(code_of(storage->put({}, "a", as_bytes("y"), {.if_absent = if_absent})) == ErrorCode::precondition_failed);
    CHECK(code_of(storage->put({}, "a/b/c", as_bytes("y"), {if_absent})) == ErrorCode::precondition_failed);
  }
  CHECK(code_of(storage->get({}, "a", {})) == ErrorCode::not_found);
  CHECK(code_of(storage->get({}, "a/b/c", {})) == ErrorCode::not_found);
  CHECK(storage->remove({}, "a").ok());
  CHECK(storage->remove({}, "a/b/c").ok());
  CHECK(keys(*storage) == std::vector<std::string>{"a/b"});
}

TEST_CASE("a directory that cannot be read is an error of the listing") {
  const TempDir dir;
  const auto storage = open_local(dir.path());
  REQUIRE(storage->put({}, "open/a", as_bytes("x"), {}).ok());
  REQUIRE(storage->put({}, "shut/b", as_bytes("x"), {}).ok());
  OsFaults os;
  os->openat = [](int at, const char* path, int flags, mode_t mode) {
    if (std::string_view(path) == "shut") return errno = EACCES, -1;
    return ::openat(at, path, flags, mode);
  };
  const auto visit = [](const ObjectInfo&) { return true; };
  CHECK(code_of(storage->list({}, "", visit)) == ErrorCode::permission_denied);
  CHECK(code_of(storage->list({}, "shut/", visit)) == ErrorCode::permission_denied);
  CHECK(storage->list({}, "open/", visit).ok());
  CHECK(code_of(storage->remove({}, "shut/b")) == ErrorCode::permission_denied);
}

TEST_CASE("temporary files of dead writers are removed after a day, those of living ones never") {
  const TempDir dir;
  REQUIRE(open_local(dir.path())->put({}, "a", as_bytes("x"), {}).ok());
  std::ofstream(dir / "tmp~/dead") << "half";
  std::ofstream(dir / "tmp~/living") << "half";
  const base::UniqueFd living(::open((dir / "tmp~/living").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::flock(living.get(), LOCK_EX | LOCK_NB) == 0);
  FakeClock clock;
  Context ctx;
  ctx.clock = &clock;
  constexpr std::int64_t kHourNs = std::int64_t{3600} * 1'000'000'000;
  clock.set_wall_ns(Clock::system().wall_ns() + 23 * kHourNs);
  REQUIRE(open_local(dir.path())->put(ctx, "b", as_bytes("x"), {}).ok());
  CHECK(temp_files(dir.path()) == 2);
  clock.set_wall_ns(Clock::system().wall_ns() + 25 * kHourNs);
  REQUIRE(open_local(dir.path())->put(ctx, "c", as_bytes("x"), {}).ok());
  CHECK(temp_files(dir.path()) == 1);
  CHECK(std::filesystem::exists(dir / "tmp~/living"));
}
