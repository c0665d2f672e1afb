#include <doctest/doctest.h>

#include "systems/postgres/backup_manifest.hpp"
#include "systems/postgres/dump_names.hpp"
#include "systems/postgres/earlier_cluster.hpp"
#include "systems/postgres/manifest_writer.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

std::string text_of(ManifestWriter writer) {
  std::string text;
  for (std::string piece = writer.next(); !piece.empty(); piece = writer.next()) text += piece;
  return text;
}

std::vector<ManifestLine> many_lines() {
  std::vector<ManifestLine> lines{
      {"PG_VERSION", 3, 1'700'000'000'000'000'000, 0x12345678}, {"log/\xff \"x\"\\", 5, 0, 7}, {"skipped", 9, -1, {}}};
  for (int i = 0; i < 5000; ++i) lines.push_back({"base/1/" + std::to_string(i), 8192, 0, 1});
  return lines;
}

EarlierSnapshot earlier_with(const SourceReceipt& receipt, const std::string& manifest) {
  return {receipt, {}, [manifest](const std::string&, std::uint64_t) {
            const ByteView bytes = as_bytes(manifest);
            return Result<std::optional<Bytes>>(std::optional(Bytes(bytes.begin(), bytes.end())));
          }};
}

}  // namespace

TEST_CASE("what is written is what the reader of PostgreSQL's manifests understands") {
  for (const int server : {150000, 170000}) {
    CAPTURE(server);
    const std::string text =
        text_of(ManifestWriter(server, "7123456789012345678", many_lines(), {3, 0x2000028, 0x2000100}));
    std::vector<ManifestFile> files;
    const auto facts = read_backup_manifest(text, [&](const ManifestFile& file) -> Result<void> {
      files.push_back(file);
      return {};
    });
    REQUIRE_MESSAGE(facts.ok(), facts.error().to_string());
    CHECK(facts->version == (server >= 170000 ? 2 : 1));
    CHECK(facts->system_id.has_value() == (server >= 170000));
    REQUIRE(facts->wal_ranges.size() == 1);
    CHECK(facts->wal_ranges[0] == WalRange{3, 0x2000028, 0x2000100});
    REQUIRE(files.size() == 5003);
    CHECK(files[0] == ManifestFile{"PG_VERSION", 3, "CRC32C", "78563412"});
    CHECK(files[1].path == "log/\xff \"x\"\\");
    CHECK(files[2] == ManifestFile{"skipped", 9, "", ""});
  }
}

TEST_CASE("pages of an earlier backup are trusted on a straight line of history alone") {
  const std::string manifest = text_of(ManifestWriter(150000, "", many_lines(), {1, 0x100, 0x200}));
  const SourceReceipt good{{"mode", "local"},
                           {"system_id", "7"},
                           {"timeline", "2"},
                           {"end_timeline", "2"},
                           {"start_lsn", "0/100"},
                           {"end_lsn", "0/200"},
                           {"page_changes", "lsn,checksums=1"},
                           {"server_started", "1234"},
                           {"trail_id", "of the parent"}};
  const ClusterNow now{"7", 2, 0x200, "lsn,checksums=1", "1234", {"older", "of the parent", "newer"}};
  const auto below = [&](const SourceReceipt& receipt, const ClusterNow& cluster) -> std::int64_t {
    const auto found = understand_earlier(Context(), earlier_with(receipt, manifest), cluster);
    REQUIRE(found.ok());
    return found->has_value() ? static_cast<std::int64_t>((*found)->unchanged_below) : -1;
  };
  CHECK(below(good, now) == 0x100);
  const auto found = understand_earlier(Context(), earlier_with(good, manifest), now);
  CHECK((*found)->files.at("PG_VERSION").crc32c == 0x12345678);
  CHECK_FALSE((*found)->files.contains("skipped"));
  const auto but = [&](const std::string& key, const std::string& value) {
    SourceReceipt receipt = good;
    receipt[key] = value;
    return receipt;
  };
  CHECK(below(but("timeline", "1"), now) == 0);
  CHECK(below(but("end_timeline", "3"), now) == 0);
  CHECK(below(but("page_changes", "lsn,checksums=0"), now) == 0);
  CHECK(below(but("start_lsn", "broken"), now) == 0);
  const auto cluster = [&](const auto& change) {
    ClusterNow changed = now;
    change(changed);
    return changed;
  };
  CHECK(below(good, cluster([](ClusterNow& c) { c.start = 0x1FF; })) == 0);  // history was rolled back
  const ClusterNow promising_nothing = cluster([](ClusterNow& c) { c.page_promise = ""; });
  CHECK(below(good, promising_nothing) == 0);
  CHECK(below(but("page_changes", ""), promising_nothing) == 0);
  // Positions were reached again: a server that was stopped meanwhile, a machine that was set back as a whole.
  CHECK(below(good, cluster([](ClusterNow& c) { c.server_started = "1235"; })) == 0);
  CHECK(below(good, cluster([](ClusterNow& c) { c.trail = {"older"}; })) == 0);
  CHECK(below(but("trail_id", ""), cluster([](ClusterNow& c) { c.trail = {""}; })) == 0);
  CHECK(below(but("server_started", ""), now) == 0);
  CHECK(below(but("mode", "stream"), now) == -1);
  CHECK(below(good, cluster([](ClusterNow& c) { c.system_id = "8"; })) == -1);
  CHECK_FALSE(understand_earlier(Context(), earlier_with(good, manifest + " "), now)->has_value());
}

TEST_CASE("only main forks of relations tell by their pages that they changed") {
  CHECK(pages_tell_changes("base/5/16384"));
  CHECK(pages_tell_changes("base/5/16384.12"));
  CHECK(pages_tell_changes("global/1260"));
  CHECK(pages_tell_changes("pg_tblspc/16400/PG_15_202209061/5/16384"));
  CHECK_FALSE(pages_tell_changes("base/5/16384_fsm"));
  CHECK_FALSE(pages_tell_changes("base/5/16384_vm"));
  CHECK_FALSE(pages_tell_changes("base/5/16384_init"));
  CHECK_FALSE(pages_tell_changes("pg_xact/0000"));
  CHECK_FALSE(pages_tell_changes("base/5/pg_filenode.map"));
}

TEST_CASE("names of dumps lead back to the database, whatever it is called") {
  for (const std::string name : {"shop", "a/b", "100%", "%2F", "..", "x.dump", "m\xc3\xbc"}) {
    CAPTURE(name);
    CHECK(dump_name(name).find('/') == std::string::npos);
    const auto back = database_of_dump(dump_name(name));
    REQUIRE(back.ok());
    CHECK(*back == name);
  }
  CHECK_FALSE(database_of_dump(".dump").ok());
  CHECK_FALSE(database_of_dump("a%20.dump").ok());
  CHECK_FALSE(database_of_dump("a/b.dump").ok());
  CHECK_FALSE(database_of_dump("globals.sql").ok());
}
