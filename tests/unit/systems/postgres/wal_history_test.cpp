#include <doctest/doctest.h>

#include <drkit/wal_files.hpp>

#include "systems/postgres/wal_file_name.hpp"
#include "systems/postgres/wal_history.hpp"
#include "systems/postgres/wal_pieces.hpp"
#include "systems/postgres/wal_record.hpp"
#include "systems/postgres/wal_stream.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

TEST_CASE("a history is read with its reasons, comments and blanks") {
  const auto lines = parse_history(
      "1\t0/3000160\tat restore point \"rp 1\"\n# a comment\n\n 2 \t 1/A0000028   no recovery target specified\n");
  REQUIRE(lines.ok());
  REQUIRE(lines->size() == 2);
  CHECK((*lines)[0] == HistoryLine{1, 0x3000160, "at restore point \"rp 1\""});
  CHECK((*lines)[1] == HistoryLine{2, 0x1A0000028, "no recovery target specified"});
}

TEST_CASE("a history that makes no sense is refused") {
  for (const char* text : {"x\t0/1\t", "1 0/G", "0 0/1", "2 0/1\n1 0/2", "1 0/5\n2 0/4", "1", "4294967296 0/1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_history(text).ok());
  }
}

TEST_CASE("file names become objects and names again") {
  const std::uint64_t size = 16 << 20;
  const auto check = [&](const std::string& text, WalKind kind, std::uint64_t start) {
    CAPTURE(text);
    const auto file = parse_file_name(text);
    REQUIRE(file.has_value());
    const auto object = object_of_file(*file, 5, size);
    REQUIRE(object.has_value());
    CHECK(object->kind == kind);
    CHECK(object->start == start);
    CHECK(object->timeline == 0x1A);
    CHECK(wal_file_of(*object, size) == text);
  };
  check("0000001A00000003000000FE", WalKind::segment, 0x3FE000000);
  check("0000001A00000003000000FE.partial", WalKind::partial, 0x3FE000000);
  check("0000001A00000003000000FE.00000028.backup", WalKind::label, 0x3FE000028);
  check("0000001A.history", WalKind::history, 0);
  for (const char* text :
       {"", "0000001A", "0000001a00000003000000FE", "0000001A00000003000000FE.part", "00000000.history",
        "0000001A00000003000000FE.0028.backup", "archive_status", "0000001A00000003000000FEFF"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_file_name(text).has_value());
  }
  // 256 segments of 16 MiB have room in 4 GiB.
  CHECK_FALSE(object_of_file(*parse_file_name("000000010000000000000100"), 5, size).has_value());
  CHECK(object_of_file(*parse_file_name("000000010000000000000100"), 5, 1 << 20).has_value());
}

TEST_CASE("pieces form the longest row, with as few as possible") {
  const WalName segment{WalKind::segment, 5, 1, 1000, 2000};
  const auto piece = [](std::uint64_t start, std::uint64_t end, std::uint32_t timeline = 1) {
    return WalObject{{WalKind::piece, 5, timeline, start, end}, 0, 0, ""};
  };
  const auto ends = [&](const std::vector<WalObject>& objects) {
    std::vector<std::uint64_t> found;
    for (const WalName& name : chain_of_pieces(objects, segment)) found.push_back(name.end);
    return found;
  };
  CHECK(ends({piece(1000, 1100), piece(1100, 1200), piece(1000, 1200), piece(1200, 1300)}) ==
        std::vector<std::uint64_t>{1200, 1300});
  CHECK(ends({piece(1000, 1100), piece(1101, 1200)}) == std::vector<std::uint64_t>{1100});
  CHECK(ends({piece(1001, 1100)}).empty());
  CHECK(ends({piece(1000, 1100, 2), piece(900, 1500), piece(1000, 2500)}).empty());
  CHECK(ends({piece(1000, 1100), piece(1050, 1400), piece(1100, 1200)}) == std::vector<std::uint64_t>{1100, 1400});
}

TEST_CASE("messages of the stream") {
  Bytes data{std::byte{'w'}};
  for (int i = 0; i < 24; ++i) data.push_back(static_cast<std::byte>(i == 7 ? 0x28 : 0));
  data.push_back(std::byte{0x55});
  const auto event = parse_stream_message(data);
  REQUIRE(event.ok());
  CHECK(event->kind == StreamEvent::Kind::data);
  CHECK(event->start == 0x28);
  REQUIRE(event->bytes.size() == 1);
  CHECK(event->bytes[0] == std::byte{0x55});
  CHECK_FALSE(parse_stream_message(ByteView(data).first(24)).ok());
  CHECK_FALSE(parse_stream_message({}).ok());
  CHECK_FALSE(parse_stream_message(as_bytes("x12345678901234567890123456")).ok());
  // Positions written, flushed, replayed; the last is never claimed.
  const Bytes status = encode_standby_status(0x0102, 0x0101, 946'684'800'000'000'000, false);
  REQUIRE(status.size() == 34);
  CHECK(status[8] == std::byte{2});
  CHECK(status[16] == std::byte{1});
  CHECK(std::all_of(status.begin() + 17, status.end(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("segments that fit into no object are refused") {
  CHECK(check_segment_size(64 << 20).ok());
  CHECK(check_segment_size(128 << 20).error().code() == ErrorCode::unsupported);
}

TEST_CASE("times of the server and of this library") {
  CHECK(wall_ns_of_server(0) == 946'684'800'000'000'000);
  CHECK(server_time_of_wall(wall_ns_of_server(123'456'789)) == 123'456'789);
  CHECK(wall_ns_of_server(INT64_MAX) > 0);
  CHECK(wall_ns_of_server(INT64_MIN) < 0);
}
