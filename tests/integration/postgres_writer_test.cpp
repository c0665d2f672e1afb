// A host whose key may only write: its backups of a cluster are as incremental as those of a full key.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <drkit/backup.hpp>
#include <drkit/check.hpp>
#include <drkit/registry.hpp>
#include <drkit/restore.hpp>
#include <drkit/sources.hpp>

#include "integration/postgres_support.hpp"
#include "testing/memory_repository.hpp"
#include "testing/writer_place.hpp"

using namespace drkit;
using namespace drkit::test;
using drkit::testing::new_repository;
using drkit::testing::words;
using drkit::testing::WriterPlace;
namespace fs = std::filesystem;

namespace {

Snapshot back_up(Repository& repository, const Server& server, PostgresMode mode) {
  PostgresOptions options;
  options.mode = mode;
  auto source = make_postgres_source(server.conninfo(), options);
  REQUIRE(source.ok());
  const auto snapshot = backup(Context(), repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  CHECK(snapshot->status == Status::complete);
  return *snapshot;
}

const std::string kDigest = "SELECT md5(string_agg(t::text, ',' ORDER BY i)) FROM accounts t";

void must_restore(Repository& repository, const Snapshot& snapshot, const Server& server, const fs::path& copy,
                  const std::string& rows) {
  CheckOptions looking;
  looking.level = CheckLevel::files;
  const auto report = check(Context(), repository, &snapshot, builtin_checks(), looking);
  REQUIRE_MESSAGE(report.ok(), words(report));
  CHECK(report->findings.empty());
  auto target = open_target(Context(), copy.string(), snapshot, {});
  REQUIRE(target.ok());
  const auto restored = restore(Context(), repository, snapshot, **target);
  REQUIRE_MESSAGE(restored.ok(), words(restored));
  give_to_server_account(copy);
  ::chmod(copy.c_str(), 0700);
  PostgresBootOptions options;
  options.bin_dir = server.bin();
  if (!server.lib().empty()) options.environment["LD_LIBRARY_PATH"] = server.lib();
  options.queries.push_back({"SELECT '" + rows + "' = (" + kDigest + ")"});
  const auto booted = boot_postgres(Context(), copy.string(), options);
  REQUIRE_MESSAGE(booted.ok(), words(booted));
  CHECK_MESSAGE(booted->ready, booted->log_tail);
  for (const PostgresBootCheck& done : booted->checks) CHECK_MESSAGE(done.ok, done.name, ": ", done.output);
}

void must_be_close(std::uint64_t writer, std::uint64_t full) {
  CHECK(writer <= full + full / 10);
  CHECK(full <= writer + writer / 10);
}

}  // namespace

TEST_CASE("after few changes a writer stores as little as a full key") {
  struct Way {
    int major;
    PostgresMode mode;
  };
  for (const Way way : {Way{15, PostgresMode::local}, Way{17, PostgresMode::stream}}) {
    CAPTURE(way.major);
    TemporaryFolder folder;
    std::vector<std::string> settings{"autovacuum=off", "max_wal_size=1GB", "wal_log_hints=on"};
    if (way.major >= 17) settings.emplace_back("summarize_wal=on");
    Server server(way.major, folder / "server", settings);
    const std::string at = server.conninfo();
    sql(at, "CREATE TABLE accounts (i int PRIMARY KEY, v bigint, filler char(100)) WITH (fillfactor = 90)");
    sql(at, "INSERT INTO accounts SELECT i, 0, 'x' FROM generate_series(1, 250000) i");
    sql(at, "VACUUM FREEZE");
    Repository full = new_repository(Context());
    WriterPlace place;
    Repository writer = place.open_writer();
    const Snapshot first = back_up(full, server, way.mode);
    back_up(writer, server, way.mode);
    std::vector<std::pair<Snapshot, std::string>> nights;
    for (int night = 0; night < 2; ++night) {
      CAPTURE(night);
      sql(at, "UPDATE accounts SET v = v + 1 WHERE i % 833 = " + std::to_string(night * 11));
      // Reading sets hint bits, which are changes, too.
      const std::string rows = sql(at, kDigest);
      const Snapshot wanted = back_up(full, server, way.mode);
      // A process of its own every night.
      writer = place.open_writer();
      nights.emplace_back(back_up(writer, server, way.mode), rows);
      const BackupStats& stats = nights.back().first.stats;
      MESSAGE(way.major << ": new bytes " << stats.bytes_new << " with a full key " << wanted.stats.bytes_new
                        << "; stored " << stats.bytes_stored << " and " << wanted.stats.bytes_stored << "; read "
                        << stats.bytes_read << " and " << wanted.stats.bytes_read << "; taken over "
                        << stats.files_unchanged << " and " << wanted.stats.files_unchanged);
      must_be_close(stats.bytes_new, wanted.stats.bytes_new);
      must_be_close(stats.bytes_read, wanted.stats.bytes_read);
      CHECK(stats.files_unchanged + 5 >= wanted.stats.files_unchanged);
      CHECK(stats.bytes_new < first.stats.bytes_new / 2);
      if (way.mode == PostgresMode::stream) CHECK(nights.back().first.receipt.contains("incremental_from"));
    }
    // Any of them alone.
    Repository owner = place.open_full();
    const auto second = owner.find_snapshot(Context(), nights[1].first.id);
    REQUIRE(second.ok());
    REQUIRE(owner.forget(Context(), nights[0].first.id).ok());
    must_restore(owner, *second, server, folder / "copy", nights[1].second);
  }
}

TEST_CASE("a writer without its cache gets everything from the server, and says why") {
  TemporaryFolder folder;
  Server server(17, folder / "server", {"autovacuum=off", "summarize_wal=on"});
  WriterPlace place;
  Repository writer = place.open_writer();
  back_up(writer, server, PostgresMode::stream);
  fs::remove_all(place.cache);
  writer = place.open_writer();
  const Snapshot second = back_up(writer, server, PostgresMode::stream);
  CHECK(second.receipt.contains("full_because"));
  CHECK(second.stats.bytes_read > 15'000'000);
  const Snapshot third = back_up(writer, server, PostgresMode::stream);
  CHECK(third.receipt.at("incremental_from") == second.receipt.at("start_lsn"));
}
