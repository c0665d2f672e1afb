#include <doctest/doctest.h>

#include <fstream>

#include "integration/postgres_support.hpp"
#include "systems/postgres/cluster_check.hpp"
#include "systems/postgres/control_file.hpp"

using namespace drkit;
using namespace drkit::test;
using namespace drkit::systems::postgres;

namespace {

namespace fs = std::filesystem;

std::string text_of(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) text += finding.code + " " + finding.subject + ": " + finding.message + "\n";
  return text;
}

Findings findings_of(const Saved& saved) {
  auto check = ClusterCheck::make(read_file(saved.root / "backup_manifest"));
  REQUIRE(check.ok());
  for (const Entry& entry : saved.entries) {
    if (entry.type != EntryType::regular || entry.path == "backup_manifest") continue;
    if (!fs::exists(saved.root / entry.path)) continue;
    check->begin_file(entry.path);
    const std::string content = read_file(saved.root / entry.path);
    for (std::size_t at = 0; at < content.size(); at += 1 << 20) {
      check->update(as_bytes(std::string_view(content).substr(at, 1 << 20)));
    }
    check->end_file();
  }
  return check->finish();
}

Saved backup_of(const Server& server, const fs::path& folder) {
  auto source = make_postgres_source(server.conninfo());
  REQUIRE(source.ok());
  Context ctx;
  REQUIRE((*source)->begin(ctx).ok());
  auto saved = save(ctx, **source, folder);
  REQUIRE(saved.ok());
  return std::move(*saved);
}

void flip(const fs::path& path, std::streamoff at) {
  std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(at);
  const int byte = stream.get();
  stream.seekp(at);
  stream.put(static_cast<char>(byte ^ 1));
  REQUIRE(stream.good());
}

void find_damage(int major) {
  TemporaryFolder folder;
  Server server(major, folder / "server");
  sql(server.conninfo(), "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 5) AS t FROM generate_series(1, 10000) i");
  const std::string big = sql(server.conninfo(), "SELECT pg_relation_filepath('big')");
  const std::string system = sql(server.conninfo(), "SELECT system_identifier FROM pg_control_system()");
  const Saved saved = backup_of(server, folder / "saved");
  const Findings none = findings_of(saved);
  CHECK_MESSAGE(none.empty(), text_of(none));

  const auto control = parse_control_file(as_bytes(read_file(saved.root / "global" / "pg_control")));
  REQUIRE(control.ok());
  CHECK(std::to_string(control->system_id) == system);
  CHECK(control->wal_segment_bytes == 16 << 20);
  CHECK(control->checksum_version == 1);
  CHECK(control->timeline == 1);
  CHECK(control->block_bytes == 8192);
  CHECK(control->segment_pages == 131072);
  CHECK(format_lsn(control->checkpoint) == saved.receipt.at("checkpoint_lsn"));

  flip(saved.root / big, 3 * 8192 + 5000);
  fs::remove(saved.root / "base" / "1" / "PG_VERSION");
  flip(saved.root / "global" / "pg_control", 100);
  fs::resize_file(saved.root / "base" / "5" / "pg_filenode.map", 100);
  std::map<std::string, std::string> found;
  for (const Finding& finding : findings_of(saved)) found[finding.code + " " + finding.subject] = finding.message;
  CHECK(found.contains("file_checksum " + big));
  CHECK(found.contains("file_checksum global/pg_control"));
  CHECK(found.contains("control_file global/pg_control"));
  CHECK(found.contains("file_missing base/1/PG_VERSION"));
  CHECK(found.contains("file_size base/5/pg_filenode.map"));
  flip(saved.root / "global" / "pg_control", 100);
  std::string page;
  for (const Finding& finding : findings_of(saved)) {
    if (finding.code == "page_checksum") page += finding.subject + " " + finding.message.substr(0, 7);
  }
  CHECK(page == big + " block 3");
}

}  // namespace

TEST_CASE("files of PostgreSQL 15 are clean, and every planted damage is named") { find_damage(15); }
TEST_CASE("so are those of PostgreSQL 17, whose manifest is of version 2") { find_damage(17); }
TEST_CASE("and those of PostgreSQL 18, whose pg_control has another layout") { find_damage(18); }

TEST_CASE("missing WAL is named") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  const Saved saved = backup_of(server, folder / "saved");
  for (const auto& file : fs::directory_iterator(saved.root / "pg_wal")) {
    if (file.is_regular_file()) fs::remove(file.path());
  }
  const Findings findings = findings_of(saved);
  REQUIRE_FALSE(findings.empty());
  for (const Finding& finding : findings) CHECK(finding.code == "wal_missing");
}

TEST_CASE("pages are judged as pg_checksums judges them") {
  TemporaryFolder folder;
  Server server(15, folder / "server");
  sql(server.conninfo(), "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 5) AS t FROM generate_series(1, 10000) i");
  const std::string big = sql(server.conninfo(), "SELECT pg_relation_filepath('big')");
  server.stop();
  const auto bad_pages = [&] {
    std::uint64_t bad = 0;
    for (const auto& file : fs::recursive_directory_iterator(server.data())) {
      const auto segment = relation_segment(fs::relative(file.path(), server.data()).string());
      if (!file.is_regular_file() || !segment) continue;
      PageVerifier verifier(*segment);
      verifier.update(as_bytes(read_file(file.path())));
      bad += verifier.bad_pages();
    }
    return bad;
  };
  const std::string judge =
      "/usr/lib/postgresql/15/bin/pg_checksums --check -D '" + server.data().string() + "' > /dev/null 2>&1";
  CHECK(bad_pages() == 0);
  CHECK_NOTHROW(shell(judge));
  for (const std::streamoff at : {8192 + 9, 2 * 8192 + 20, 5 * 8192 + 8191}) flip(server.data() / big, at);
  CHECK(bad_pages() == 3);
  CHECK_THROWS(shell(judge));
}
