// What one call remembers for the next: marks of stored files, segments fetched ahead; and what must not be taken for
// it.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <drkit/wal_files.hpp>

#include "systems/postgres/wal_names.hpp"
#include "systems/postgres/wal_spool.hpp"
#include "testing/memory_repository.hpp"
#include "testing/temp_dir.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kSystem = 77, kOther = 222;
constexpr std::uint32_t kSegment = 1 << 20;
const std::string kFirst = "000000010000000000000005", kSecond = "000000010000000000000006";

/// Counts the warnings.
class CountingLog final : public LogSink {
 public:
  void log(LogLevel level, std::string_view) noexcept override { warnings += level == LogLevel::warning ? 1 : 0; }
  int warnings = 0;
};

Bytes segment(std::uint64_t number, std::uint64_t system_id = kSystem) {
  return testing::WalBuilder(system_id, 1, number * kSegment, kSegment).padded();
}

struct Fixture {
  testing::TempDir dir;
  CountingLog log;
  Context ctx;
  WalArchive archive{testing::new_repository(ctx)};
  WalSpool spool{dir / "spool", "the address"};

  Fixture() { ctx.log = &log; }
  std::string file(const std::string& name, const Bytes& bytes) const {
    const std::string path = dir / name;
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(out.flush().good());
    return path;
  }
  Bytes read(const std::string& path) const {
    auto read = read_stable(path, kSegment);
    REQUIRE_MESSAGE(read.ok(), testing::words(read));
    return Bytes(read->bytes.begin(), read->bytes.end());
  }
  void store(std::uint64_t number, std::uint64_t system_id = kSystem) const {
    const std::uint64_t start = number * kSegment;
    REQUIRE(
        archive.put(ctx, {WalKind::segment, system_id, 1, start, start + kSegment}, segment(number, system_id)).ok());
  }
  Result<void> get(const std::string& name, const std::string& destination, std::uint64_t system_id = kSystem) const {
    return get_wal(ctx, archive, name, destination, {spool, 1, system_id});
  }
  // A file in the way: no folder can be made of it, whoever runs the test.
  void break_spool() { spool.directory = file("broken", {}); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a mark counts for the repository that has the file, not for its address") {
  const std::string path = file(kFirst, segment(5));
  WalPushOptions options;
  options.spool = spool;
  REQUIRE(push_wal(ctx, archive, path, options).ok());
  CHECK(*wal_pushed_to(path, spool) == archive.repository().id());
  CHECK_FALSE(*wal_was_pushed(path, spool));
  spool.repository_id = archive.repository().id();
  CHECK(*wal_was_pushed(path, spool));
  const WalArchive anew(testing::new_repository(ctx));
  spool.repository_id = anew.repository().id();
  CHECK_FALSE(*wal_was_pushed(path, spool));
  const auto pushed = push_wal(ctx, anew, path, options);
  REQUIRE(pushed.ok());
  CHECK(pushed->outcome == WalPut::stored);
  CHECK(anew.list(ctx, kSystem)->size() == 1);
  CHECK(*wal_was_pushed(path, spool));
}

TEST_CASE_FIXTURE(Fixture, "a spool that fails costs a warning, not the file") {
  const std::string path = file(kFirst, segment(5));
  break_spool();
  WalPushOptions options;
  options.spool = spool;
  const auto pushed = push_wal(ctx, archive, path, options);
  REQUIRE_MESSAGE(pushed.ok(), testing::words(pushed));
  CHECK(pushed->outcome == WalPut::stored);
  CHECK(log.warnings == 1);
  store(6);
  const auto got = get(kFirst, dir / "got");
  REQUIRE_MESSAGE(got.ok(), testing::words(got));
  CHECK(read(dir / "got") == segment(5));
  CHECK(log.warnings == 2);
}

TEST_CASE_FIXTURE(Fixture, "a batch is not done for files that nothing remembers") {
  const std::string path = file(kFirst, segment(5));
  file(kSecond, segment(6));
  fs::create_directory(dir / "archive_status");
  file("archive_status/" + kSecond + ".ready", {});
  WalPushOptions options;
  options.batch = 4;
  options.spool = spool;
  CHECK(push_wal(ctx, archive, path, options)->more == 1);
  break_spool();
  options.spool = spool;
  CHECK(push_wal(ctx, archive, path, options)->more == 0);
}

TEST_CASE_FIXTURE(Fixture, "segments fetched ahead are given to their own cluster alone") {
  for (const std::uint64_t number : {5ULL, 6ULL}) store(number), store(number, kOther);
  REQUIRE(get(kFirst, dir / "got").ok());
  CHECK_FALSE(*take_prefetched_wal(kSecond, dir / "ahead", spool, kOther));
  CHECK_FALSE(*take_prefetched_wal(kSecond, dir / "ahead", spool));
  CHECK_FALSE(fs::exists(dir / "ahead"));
  CHECK(*take_prefetched_wal(kSecond, dir / "ahead", spool, kSystem));
  CHECK(read(dir / "ahead") == segment(6));
  CHECK_FALSE(*take_prefetched_wal(kSecond, dir / "ahead", spool, kSystem));
}

TEST_CASE_FIXTURE(Fixture, "what lies in the spool under a wrong name is not delivered") {
  REQUIRE(keep_fetched(spool, kOther, kSecond, segment(6)).ok());
  CHECK_FALSE(*take_prefetched_wal(kSecond, dir / "ahead", spool, kOther));
  REQUIRE(keep_fetched(spool, kSystem, kSecond, segment(5)).ok());
  CHECK_FALSE(*take_prefetched_wal(kSecond, dir / "ahead", spool, kSystem));
  CHECK_FALSE(fs::exists(dir / "ahead"));
}

TEST_CASE_FIXTURE(Fixture, "only the server's own passing removes what was fetched ahead") {
  REQUIRE(keep_fetched(spool, kSystem, kFirst, segment(5)).ok());
  REQUIRE(keep_fetched(spool, kOther, kFirst, segment(5, kOther)).ok());
  drop_fetched_before(spool, kSystem, kSecond);
  drop_pushed_before(spool, kSecond);
  CHECK_FALSE(*take_prefetched_wal(kFirst, dir / "a", spool, kSystem));
  CHECK(*take_prefetched_wal(kFirst, dir / "b", spool, kOther));
}

TEST_CASE_FIXTURE(Fixture, "only the repository says that a file is not kept") {
  store(5);
  CHECK(get(kSecond, dir / "got").error().code() == ErrorCode::not_found);
  CHECK(get(kFirst, dir / "absent/got").error().code() == ErrorCode::io);
  REQUIRE(archive.put(ctx, {WalKind::history, kSystem, 2, 0, 0}, as_bytes("1\t0/5000100\tx\n")).ok());
  CHECK(get("00000002.history", dir / "absent/got").error().code() == ErrorCode::io);
  CHECK(get("00000002.history", dir / "got").ok());
}
