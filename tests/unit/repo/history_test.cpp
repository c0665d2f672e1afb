// Snapshots in the order in which they were made, and those that cannot be one.
#include <doctest/doctest.h>

#include <drkit/backup.hpp>
#include <drkit/sources.hpp>

#include "testing/fake_clock.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using drkit::testing::FakeClock;
using drkit::testing::new_repository;
using drkit::testing::words;

namespace {

constexpr std::int64_t kYear = 365LL * 86400 * 1'000'000'000;
constexpr std::int64_t kNow = 1'800'000'000'000'000'000;

Snapshot back_up(Repository& repository, std::int64_t wall_ns) {
  FakeClock clock;
  clock.set_wall_ns(wall_ns);
  Context ctx;
  ctx.clock = &clock;
  auto source = make_process_source("echo " + std::to_string(wall_ns));
  REQUIRE(source.ok());
  const auto snapshot = backup(ctx, repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  return *snapshot;
}

std::vector<std::string> ids(const Repository& repository) {
  const auto snapshots = repository.snapshots({});
  REQUIRE_MESSAGE(snapshots.ok(), words(snapshots));
  std::vector<std::string> found;
  for (const Snapshot& snapshot : *snapshots) found.push_back(snapshot.id);
  return found;
}

}  // namespace

TEST_CASE("the latest snapshot is the one made last, also when a clock was wrong") {
  Repository repository = new_repository({});
  const Snapshot first = back_up(repository, kNow);
  const Snapshot ahead = back_up(repository, kNow + 10 * kYear);
  const Snapshot third = back_up(repository, kNow + 1);
  const Snapshot fourth = back_up(repository, kNow + 2);
  CHECK(ids(repository) == std::vector{first.id, ahead.id, third.id, fourth.id});
  CHECK(repository.find_snapshot({}, "latest")->id == fourth.id);
  SUBCASE("and those between are forgotten") {
    REQUIRE(repository.forget({}, third.id).ok());
    CHECK(repository.find_snapshot({}, "latest")->id == fourth.id);
  }
}

TEST_CASE("a snapshot that nobody could read again is not committed") {
  Repository repository = new_repository({});
  auto source = make_process_source("echo much");
  REQUIRE(source.ok());
  BackupOptions options;
  options.tags["note"] = std::string(std::size_t{40} << 20, 'x');
  const auto snapshot = backup({}, repository, **source, options);
  REQUIRE_FALSE(snapshot.ok());
  CHECK(snapshot.error().code() == ErrorCode::invalid_argument);
  CHECK(ids(repository).empty());
  back_up(repository, kNow);
}
