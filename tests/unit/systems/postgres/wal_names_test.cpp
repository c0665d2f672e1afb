#include <doctest/doctest.h>

#include "systems/postgres/wal_names.hpp"

using namespace drkit::systems::postgres;

namespace {
constexpr std::uint64_t kSegment = 16 << 20;
}

TEST_CASE("positions are read and printed as PostgreSQL does") {
  CHECK(*parse_lsn("1/A0000028") == 0x1A0000028);
  CHECK(format_lsn(0x1A0000028) == "1/A0000028");
  CHECK(format_lsn(0) == "0/0");
  CHECK(*parse_lsn("FFFFFFFF/FFFFFFFF") == UINT64_MAX);
  for (const char* bad : {"", "/", "1", "1/", "/1", "1/100000000", "1/ 2", "g/1", "1/2/3", "-1/2"})
    CHECK_FALSE(parse_lsn(bad).ok());
}

TEST_CASE("file names hold timeline and position in hexadecimal") {
  CHECK(wal_file_name({1, 0x1A0000028 / kSegment}, kSegment) == "0000000100000001000000A0");
  CHECK(wal_file_name({0x1F, 255}, kSegment) == "0000001F00000000000000FF");
  CHECK(wal_file_name({1, 256}, kSegment) == "000000010000000100000000");
  CHECK(wal_file_name({1, 4096}, 1 << 20) == "000000010000000100000000");
  CHECK(history_file_name(0x1F) == "0000001F.history");
  for (const std::uint64_t number : {0ULL, 1ULL, 255ULL, 256ULL, 123456789ULL}) {
    CHECK(*parse_wal_file_name(wal_file_name({18, number}, kSegment), kSegment) == WalSegment{18, number});
  }
  // The last part counts segments of one 4 GiB half: 256 of them at 16 MiB.
  for (const char* bad : {"000000010000000000000100", "000000010000000100000000.partial", "00000002.history",
                          "00000001000000010000000g", "000000000000000000000001", "00000001000000010000000a"}) {
    CHECK_FALSE(parse_wal_file_name(bad, kSegment).has_value());
  }
}

TEST_CASE("segment sizes are powers of two from 1 MiB to 1 GiB") {
  CHECK(is_wal_segment_size(1 << 20));
  CHECK(is_wal_segment_size(1 << 30));
  for (const std::uint64_t bad : {0ULL, 1ULL << 19, (1ULL << 20) + 1, 1ULL << 31})
    CHECK_FALSE(is_wal_segment_size(bad));
}

TEST_CASE("the chain needs every segment, whole, and the history of later timelines") {
  const WalRange range{2, 0x2000028, 0x4000000};
  std::map<std::string, std::uint64_t> files{
      {"000000020000000000000002", kSegment}, {"000000020000000000000003", kSegment}, {"00000002.history", 41}};
  CHECK(check_wal_present(files, {range}, kSegment).empty());
  files["000000020000000000000003"] = kSegment - 1;
  CHECK(check_wal_present(files, {range}, kSegment).at(0).code == "wal_size");
  files.erase("000000020000000000000003");
  const Findings missing = check_wal_present(files, {range}, kSegment);
  REQUIRE(missing.size() == 1);
  CHECK(missing[0].code == "wal_missing");
  CHECK(missing[0].subject == "pg_wal/000000020000000000000003");
  files.erase("00000002.history");
  CHECK(check_wal_present(files, {range}, kSegment).back().code == "wal_history_missing");
}

TEST_CASE("absurd ranges end soon") {
  CHECK(check_wal_present({}, {}, kSegment).at(0).code == "wal_range");
  CHECK(check_wal_present({}, {{1, 5, 4}}, kSegment).at(0).code == "wal_range");
  CHECK(check_wal_present({}, {{1, 0, UINT64_MAX}}, kSegment).size() == 100);
}
