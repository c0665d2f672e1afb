#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "integration/postgres_support.hpp"
#include "systems/postgres/live_server.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace drkit::test;
using drkit::testing::words;
using std::chrono::steady_clock;

namespace {

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

std::unique_ptr<Source> source_of(const std::string& conninfo, const PostgresOptions& options = {}) {
  PostgresOptions streamed = options;
  streamed.mode = PostgresMode::stream;
  auto source = make_postgres_source(conninfo, streamed);
  REQUIRE(source.ok());
  return std::move(*source);
}

// Reads until something fails; gives that error.
Error first_error(const Context& ctx, Source& source, const std::function<void(std::uint64_t)>& on_bytes = {}) {
  Bytes buffer(256 * 1024);
  std::uint64_t total = 0;
  for (;;) {
    auto stream = source.next(ctx);
    if (!stream.ok()) return stream.error();
    if (*stream == nullptr) break;
    for (;;) {
      const auto piece = (*stream)->read(ctx, buffer);
      if (!piece.ok()) return piece.error();
      if (piece->at_end()) break;
      total += piece->data_bytes;
      if (on_bytes) on_bytes(total);
    }
  }
  const auto receipt = source.finish(ctx);
  return receipt.ok() ? Error(ErrorCode::ok, "no error") : receipt.error();
}

void make_big(const Server& server, int rows) {
  sql(server.conninfo(), "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 5) AS t FROM generate_series(1, " +
                             std::to_string(rows) + ") i");
}

}  // namespace

TEST_CASE("a cluster comes out as files whose manifest PostgreSQL's own tool accepts") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 1000);
  const auto source = source_of(server.conninfo());
  Context ctx;
  REQUIRE(source->begin(ctx).ok());
  CHECK(source->estimated_bytes() > 20'000'000);
  const auto saved = save(ctx, *source, folder / "copy");
  REQUIRE_MESSAGE(saved.ok(), words(saved));
  const SourceReceipt& receipt = saved->receipt;
  CHECK(receipt.at("timeline") == "1");
  CHECK(receipt.at("end_timeline") == "1");
  CHECK(receipt.at("major_version") == "15");
  CHECK(receipt.at("wal_segment_bytes") == "16777216");
  CHECK(receipt.at("tablespaces").empty());
  CHECK(receipt.at("system_id") == sql(server.conninfo(), "SELECT system_identifier FROM pg_control_system()"));
  CHECK(receipt.at("label") == "drkit");
  CHECK(receipt.at("backup_from") == "primary");
  CHECK(saved->entries.back().path == "backup_manifest");
  CHECK(saved->entries.back().size_bytes == std::filesystem::file_size(folder / "copy" / "backup_manifest"));
  shell("/usr/lib/postgresql/15/bin/pg_verifybackup -q '" + (folder / "copy").string() + "'");
}

TEST_CASE("streams that nobody reads are passed over") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  const auto source = source_of(server.conninfo());
  Context ctx;
  REQUIRE(source->begin(ctx).ok());
  int entries = 0;
  for (;;) {
    auto stream = source->next(ctx);
    REQUIRE_MESSAGE(stream.ok(), words(stream));
    if (*stream == nullptr) break;
    ++entries;
  }
  CHECK(entries > 900);
  CHECK(source->finish(ctx).ok());
}

TEST_CASE("a server killed in the middle of a backup is an error in the server's or libpq's words") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 200000);
  PostgresOptions options;
  options.max_rate_kib = 16384;
  const auto source = source_of(server.conninfo(), options);
  Context ctx;
  REQUIRE(source->begin(ctx).ok());
  bool killed = false;
  const Error error = first_error(ctx, *source, [&](std::uint64_t bytes) {
    if (killed || bytes < 4'000'000) return;
    killed = true;
    ::kill(postmaster_pid(server.data()), SIGQUIT);
  });
  CHECK(killed);
  CHECK_MESSAGE(error.code() == ErrorCode::unavailable, error.to_string());
  CHECK(error.retryable());
}

TEST_CASE("a refused login is unauthenticated and shows no password") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  Context ctx;
  SUBCASE("wrong password") {
    const auto begun = source_of(server.conninfo_tcp() + " password=open-sesame")->begin(ctx);
    REQUIRE_FALSE(begun.ok());
    CHECK_MESSAGE(begun.error().code() == ErrorCode::unauthenticated, words(begun));
    CHECK(words(begun).find("open-sesame") == std::string::npos);
    CHECK(words(begun).find("28P01") != std::string::npos);
  }
  SUBCASE("no password") {
    const auto begun = source_of(server.conninfo_tcp() + " passfile=/nowhere/none")->begin(ctx);
    REQUIRE_FALSE(begun.ok());
    CHECK(begun.error().code() == ErrorCode::unauthenticated);
  }
  SUBCASE("the right one") { CHECK(source_of(server.conninfo_tcp() + " password=drkit-test")->begin(ctx).ok()); }
  SUBCASE("a role without the right to replicate") {
    sql(server.conninfo(), "CREATE ROLE plain LOGIN");
    const auto begun = source_of(server.conninfo() + " user=plain")->begin(ctx);
    REQUIRE_FALSE(begun.ok());
    CHECK_MESSAGE(begun.error().code() == ErrorCode::permission_denied, words(begun));
  }
  SUBCASE("nobody listens") {
    server.stop();
    const auto begun = source_of(server.conninfo())->begin(ctx);
    REQUIRE_FALSE(begun.ok());
    CHECK(begun.error().code() == ErrorCode::unavailable);
  }
}

TEST_CASE("cancel is answered within 0.2 s and the server forgets the backup") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 100000);
  PostgresOptions options;
  Context ctx;
  steady_clock::time_point asked;
  const auto cancel_soon = [&] {
    return std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(700));
      asked = steady_clock::now();
      ctx.cancel.cancel();
    });
  };
  SUBCASE("while data trickles") {
    options.max_rate_kib = 64;
    auto source = source_of(server.conninfo(), options);
    REQUIRE(source->begin(ctx).ok());
    std::thread thread = cancel_soon();
    const Error error = first_error(ctx, *source);
    const double seconds = seconds_since(asked);
    thread.join();
    CHECK(error.code() == ErrorCode::cancelled);
    CHECK(seconds < 0.2);
    source.reset();
    std::string left = "1";
    for (int i = 0; i < 100 && left != "0"; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      left = sql(server.conninfo(), "SELECT count(*) FROM pg_stat_progress_basebackup");
    }
    CHECK(left == "0");
  }
  SUBCASE("while the server spreads its checkpoint") {
    options.fast_checkpoint = false;
    const auto source = source_of(server.conninfo(), options);
    std::thread thread = cancel_soon();
    const auto begun = source->begin(ctx);
    const double seconds = seconds_since(asked);
    thread.join();
    REQUIRE_FALSE(begun.ok());
    CHECK(begun.error().code() == ErrorCode::cancelled);
    CHECK(seconds < 0.2);
  }
}

TEST_CASE("a rate limit slows the server down") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 1000);
  PostgresOptions options;
  options.max_rate_kib = 16384;
  options.wal = false;
  const auto source = source_of(server.conninfo(), options);
  Context ctx;
  REQUIRE(source->begin(ctx).ok());
  const double megabytes = static_cast<double>(source->estimated_bytes()) / (1 << 20);
  const auto start = steady_clock::now();
  CHECK(first_error(ctx, *source).code() == ErrorCode::ok);
  const double seconds = seconds_since(start);
  CHECK(seconds > megabytes / 16 * 0.8);
  CHECK(seconds < megabytes / 16 * 3 + 2);
}

TEST_CASE("a damaged page makes the backup fail and names the file; without the check it passes") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  make_big(server, 10000);
  const std::string file = sql(server.conninfo(), "SELECT pg_relation_filepath('big')");
  sql(server.conninfo(), "CHECKPOINT");
  {
    std::fstream stream(server.data() / file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(3 * 8192 + 5000);
    stream.put('\x5a');
  }
  Context ctx;
  PostgresOptions options;
  const auto strict = source_of(server.conninfo(), options);
  REQUIRE(strict->begin(ctx).ok());
  const Error error = first_error(ctx, *strict);
  CHECK_MESSAGE(error.code() == ErrorCode::corrupt, error.to_string());
  CHECK(error.to_string().find(file) != std::string::npos);
  options.verify_checksums = false;
  const auto lax = source_of(server.conninfo(), options);
  REQUIRE(lax->begin(ctx).ok());
  CHECK(first_error(ctx, *lax).code() == ErrorCode::ok);
}

TEST_CASE("nothing is restored over a running server, not even as a delta") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  const auto target = make_postgres_target(make_plain_target, server.data().string());
  REQUIRE(target.ok());
  RestoreSettings settings;
  settings.delta = true;
  const auto begun = (*target)->begin(Context(), settings);
  REQUIRE_FALSE(begun.ok());
  CHECK(begun.error().code() == ErrorCode::precondition_failed);
  server.stop();
  CHECK((*target)->begin(Context(), settings).ok());
}
