// Restored clusters that are started: with their tablespaces elsewhere, and those of standbys.
#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <drkit/backup.hpp>
#include <drkit/registry.hpp>
#include <drkit/restore.hpp>
#include <drkit/storage.hpp>

#include "integration/postgres_support.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace drkit::test;
using drkit::testing::new_repository;
using drkit::testing::words;
namespace fs = std::filesystem;

namespace {

class Heard final : public LogSink {
 public:
  void log(LogLevel level, std::string_view message) noexcept override {
    if (level == LogLevel::warning) text += std::string(message) + "\n";
  }
  std::string text;
};

// What other tests leave as it was.
class Mask {
 public:
  explicit Mask(mode_t mask) : before_(::umask(mask)) {}
  ~Mask() { ::umask(before_); }
  Mask(const Mask&) = delete;
  Mask& operator=(const Mask&) = delete;

 private:
  mode_t before_;
};

Snapshot back_up(const Context& ctx, Repository& repository, const Server& server, const std::string& mode) {
  SourceOptions options;
  options.mode = mode;
  const auto source = open_source(ctx, "postgres:" + server.conninfo(), options);
  REQUIRE_MESSAGE(source.ok(), words(source));
  const auto snapshot = backup(ctx, repository, **source);
  REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  return *snapshot;
}

std::string restored_words(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                           const fs::path& data, const TargetOptions& options) {
  const auto target = open_target(ctx, data.string(), snapshot, options);
  REQUIRE_MESSAGE(target.ok(), words(target));
  return words(restore(ctx, repository, snapshot, **target));
}

}  // namespace

TEST_CASE("tablespaces that root restores into new folders are the server's to use") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  fs::create_directories(folder / "space");
  give_to_server_account(folder / "space");
  sql(server.conninfo(), "CREATE TABLESPACE far LOCATION '" + (folder / "space").string() + "'");
  sql(server.conninfo(), "CREATE TABLE t TABLESPACE far AS SELECT i FROM generate_series(1, 3000) i");
  const std::string oid = sql(server.conninfo(), "SELECT oid FROM pg_tablespace WHERE spcname = 'far'");
  Heard heard;
  Context ctx;
  ctx.log = &heard;
  Repository repository = new_repository(ctx);
  for (const std::string mode : {"local", "stream"}) {
    CAPTURE(mode);
    const Snapshot snapshot = back_up(ctx, repository, server, mode);
    const fs::path data = folder / ("copies-" + mode + "/deep/data");
    TargetOptions options;

    // The old place is taken, and a name is mistyped: nothing is written.
    const std::string taken = restored_words(ctx, repository, snapshot, data, options);
    CHECK_MESSAGE(taken.find("precondition_failed: the location of a tablespace is not empty") == 0, taken);
    options.tablespaces["/typo"] = "/x";
    const std::string unknown = restored_words(ctx, repository, snapshot, data, options);
    CHECK_MESSAGE(unknown.find("known=" + oid + "=" + (folder / "space").string()) != std::string::npos, unknown);
    CHECK_FALSE(fs::exists(data.parent_path().parent_path()));

    options.tablespaces.clear();
    options.all_tablespaces_under = (folder / ("new-" + mode + "/deeper")).string();
    heard.text.clear();
    {
      const Mask strict(077);
      CHECK(restored_words(ctx, repository, snapshot, data, options) == "");
    }
    CHECK(heard.text.find("cannot go through") == std::string::npos);
    struct stat cluster {
    }, place{}, above{};
    const fs::path moved = fs::path(options.all_tablespaces_under) / oid;
    REQUIRE(::stat(data.c_str(), &cluster) == 0);
    REQUIRE(::stat(moved.c_str(), &place) == 0);
    REQUIRE(::stat(moved.parent_path().c_str(), &above) == 0);
    CHECK(place.st_uid == cluster.st_uid);
    CHECK((place.st_mode & 07777) == 0700);
    CHECK((above.st_mode & 07777) == 0755);
    PostgresBootOptions boot;
    boot.bin_dir = server.bin();
    boot.queries.push_back({"SELECT count(*) = 3000 FROM t"});
    const auto report = boot_postgres(ctx, data.string(), boot);
    REQUIRE_MESSAGE(report.ok(), words(report));
    CHECK_MESSAGE(report->ready, report->log_tail);
    for (const PostgresBootCheck& check : report->checks) CHECK_MESSAGE(check.ok, check.name, ": ", check.output);
  }
}

TEST_CASE("a folder that the cluster's owner cannot go through is told") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Heard heard;
  Context ctx;
  ctx.log = &heard;
  Repository repository = new_repository(ctx);
  const Snapshot snapshot = back_up(ctx, repository, server, "local");
  fs::create_directories(folder / "closed");
  fs::permissions(folder / "closed", fs::perms(0700));
  CHECK(restored_words(ctx, repository, snapshot, folder / "closed/data", {}) == "");
  const bool told =
      heard.text.find("cannot go through the folder " + (folder / "closed").string()) != std::string::npos;
  CHECK_MESSAGE(told == (::geteuid() == 0), heard.text);
}

TEST_CASE("the snapshot of a standby comes back as a server of its own, or as a standby when asked") {
  TemporaryFolder folder;
  Server primary(15, folder / "primary");
  sql(primary.conninfo(), "CREATE TABLE t AS SELECT i FROM generate_series(1, 3000) i");
  Server standby(folder / "standby", primary);
  Heard heard;
  Context ctx;
  ctx.log = &heard;
  Repository repository = new_repository(ctx);
  for (const std::string mode : {"local", "stream"}) {
    CAPTURE(mode);
    const Snapshot snapshot = back_up(ctx, repository, standby, mode);
    CHECK(snapshot.receipt.at("backup_from") == "standby");
    TargetOptions options;
    options.keep_standby = true;
    CHECK(restored_words(ctx, repository, snapshot, folder / ("kept-" + mode), options) == "");
    CHECK(fs::exists(folder / ("kept-" + mode) / "standby.signal"));

    heard.text.clear();
    const fs::path place = folder / ("alone-" + mode);
    CHECK(restored_words(ctx, repository, snapshot, place / "data", {}) == "");
    CHECK(heard.text.find("does not follow the old primary") != std::string::npos);
    CHECK_FALSE(fs::exists(place / "data/standby.signal"));
    // It has the standby's own port, so one of them at a time.
    standby.stop();
    for (const char* name : {"bin", "lib", "conninfo"}) fs::copy(folder / "standby" / name, place / name);
    const std::string script = std::string(DRKIT_SOURCE_DIR) + "/tests/servers/postgres.sh ";
    give_to_server_account(place);
    shell(script + "again " + place.string());
    CHECK(sql(standby.conninfo(), "SELECT pg_is_in_recovery()") == "f");
    sql(standby.conninfo(), "INSERT INTO t VALUES (0)");
    CHECK(sql(standby.conninfo(), "SELECT count(*) FROM t") == "3001");
    CHECK(sql(primary.conninfo(), "SELECT count(*) FROM pg_stat_replication") == "0");
    shell(script + "stop " + place.string() + " immediate");
    standby.start_again();
  }
}
