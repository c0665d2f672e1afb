#include "systems/postgres/incremental_file.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <set>

#include "systems/postgres/backup_label.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

Bytes header_of(std::uint32_t magic, std::uint32_t truncation, const std::vector<std::uint32_t>& blocks) {
  std::vector<std::uint32_t> words{magic, static_cast<std::uint32_t>(blocks.size()), truncation};
  words.insert(words.end(), blocks.begin(), blocks.end());
  Bytes bytes(static_cast<std::size_t>(IncrementalHeader::bytes_for(static_cast<std::uint32_t>(blocks.size()))));
  std::memcpy(bytes.data(), words.data(), words.size() * 4);
  return bytes;
}

constexpr std::uint32_t kMagic = 0xd3ae1f0d;
using Kind = IncrementalWalk::Kind;

std::string walked(IncrementalHeader header, std::uint64_t before, std::uint64_t most = 1000) {
  IncrementalWalk walk(std::move(header), before);
  std::string text;
  for (auto run = walk.next(most); run.kind != Kind::end; run = walk.next(most)) {
    text += run.kind == Kind::follows ? 'f' : run.kind == Kind::before ? 'b' : 'z';
    text += std::to_string(run.blocks) + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("names of incremental files lead to the whole ones") {
  CHECK(whole_path("base/5/INCREMENTAL.1259") == "base/5/1259");
  CHECK(whole_path("global/INCREMENTAL.1260_vm") == "global/1260_vm");
  CHECK(whole_path("INCREMENTAL.x") == "x");
  for (const char* plain : {"base/5/1259", "base/5/INCREMENTAL", "base/5/INCREMENTAL.", "INCREMENTAL.5/x", ""}) {
    CHECK_FALSE(whole_path(plain).has_value());
  }
}

TEST_CASE("the header of an incremental file") {
  const Bytes bytes = header_of(kMagic, 7, {0, 3, 4, 9});
  CHECK(bytes.size() == 8192);
  CHECK(incremental_header_bytes(ByteView(bytes).first(12)).value() == 8192);
  const auto header = parse_incremental_header(bytes);
  REQUIRE(header.ok());
  CHECK(header->blocks == std::vector<std::uint32_t>{0, 3, 4, 9});
  CHECK(header->size_bytes() == 10 * 8192);
  const Bytes none = header_of(kMagic, 5, {});
  CHECK(none.size() == 12);
  CHECK(parse_incremental_header(none)->size_bytes() == 5 * 8192);
}

TEST_CASE("a damaged header of an incremental file is refused") {
  for (const Bytes& bytes : {header_of(kMagic + 1, 7, {1}), header_of(kMagic, 7, {4, 3}), header_of(kMagic, 7, {4, 4}),
                             header_of(kMagic, 0xFFFFFFFF, {}), header_of(kMagic, 7, {0xFFFFFFF0})}) {
    const auto header = parse_incremental_header(bytes);
    REQUIRE_FALSE(header.ok());
    CHECK(header.error().code() == ErrorCode::corrupt);
  }
  const Bytes good = header_of(kMagic, 7, {1, 2});
  CHECK_FALSE(parse_incremental_header(ByteView(good).first(8191)).ok());
  CHECK_FALSE(incremental_header_bytes(ByteView(good).first(11)).ok());
}

TEST_CASE("a walk through an incremental file") {
  CHECK(walked({{0, 3, 4, 9}, 7}, 100) == "f1 b2 f2 b2 z2 f1 ");
  CHECK(walked({{}, 5}, 5) == "b5 ");
  CHECK(walked({{}, 5}, 3) == "b3 z2 ");
  CHECK(walked({{2, 3, 4, 5}, 0}, 100, 3) == "z2 f3 f1 ");
  CHECK(walked({{}, 0}, 9).empty());
}

TEST_CASE("property: a walk gives every block once, as the rules of reconstruction say") {
  std::mt19937 random(4711);
  for (int round = 0; round < 500; ++round) {
    std::set<std::uint32_t> chosen;
    for (auto count = random() % 20; count > 0; --count) chosen.insert(static_cast<std::uint32_t>(random() % 40));
    IncrementalHeader header{{chosen.begin(), chosen.end()}, static_cast<std::uint32_t>(random() % 40)};
    const std::uint64_t before = random() % 50, size = header.size_bytes() / 8192, truncation = header.truncation_block;
    IncrementalWalk walk(std::move(header), before);
    std::uint64_t block = 0;
    for (auto run = walk.next(1 + random() % 5); run.kind != Kind::end; run = walk.next(1 + random() % 5)) {
      REQUIRE(run.blocks > 0);
      for (std::uint64_t i = 0; i < run.blocks; ++i, ++block) {
        const bool follows = chosen.contains(static_cast<std::uint32_t>(block));
        const Kind expected = follows                                ? Kind::follows
                              : block < truncation && block < before ? Kind::before
                                                                     : Kind::zeros;
        CHECK(run.kind == expected);
      }
    }
    CHECK(block == size);
  }
}

TEST_CASE("a label loses what speaks of the earlier backup, and nothing else") {
  CHECK(without_increment("START WAL LOCATION: 0/2\nINCREMENTAL FROM LSN: 0/1\nINCREMENTAL FROM TLI: 1\nLABEL: x\n") ==
        "START WAL LOCATION: 0/2\nLABEL: x\n");
  CHECK(without_increment("LABEL: INCREMENTAL FROM LSN: 0/1") == "LABEL: INCREMENTAL FROM LSN: 0/1");
  CHECK(without_increment("").empty());
}
