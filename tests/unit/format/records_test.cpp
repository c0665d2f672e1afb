#include <doctest/doctest.h>

#include <algorithm>

#include "format/keys.hpp"
#include "format/manifest.hpp"
#include "format/pack.hpp"
#include "format/snapshot.hpp"

using namespace drkit;
using namespace drkit::format;

namespace {

Record file(std::string path) {
  Record record;
  record.entry.path = std::move(path);
  record.entry.size_bytes = 10;
  record.content.extents = {{ChunkId{}, 0, 5, 10}};
  return record;
}

Bytes encoded(const Record& record, std::string_view previous = "") {
  base::ByteWriter out;
  encode_record(out, record, previous);
  return out.take();
}

Result<Record> decoded(ByteView bytes, std::string_view previous = "") {
  base::ByteReader in(bytes);
  return decode_record(in, previous);
}

}  // namespace

TEST_CASE("a record has one encoding: less sharing and flags without their fields are refused") {
  const Bytes good = encoded(file("ab"), "aa");
  REQUIRE(decoded(good, "aa").ok());
  CHECK(*decoded(good, "aa") == file("ab"));
  // The same path spelled out although its first letter could be shared.
  CHECK_FALSE(decoded(encoded(file("ab")), "aa").ok());
  Record with_digest = file("ab");
  with_digest.entry.sha256.fill(std::byte{1});
  Bytes flags = encoded(with_digest);
  // length, shared, path length, path: the flags' two bytes (a link added to content) follow the type.
  REQUIRE(flags[6] == std::byte{64});
  flags[6] = std::byte{32};
  CHECK_FALSE(decoded(flags).ok());
}

TEST_CASE("a digest that is not known takes a flag and no bytes, and is no digest of zeros") {
  Record known = file("a");
  known.entry.sha256.fill(std::byte{1});
  const Bytes unknown = encoded(file("a"));
  CHECK(decoded(unknown)->entry.sha256 == Sha256Digest{});
  CHECK(encoded(known).size() == unknown.size() + 32 - 1);  // the flag needs a second byte
  // A digest of zeros that is spelled out.
  Bytes zeros = encoded(known);
  const auto digest = std::search_n(zeros.begin(), zeros.end(), 32, std::byte{1});
  REQUIRE(digest != zeros.end());
  std::fill_n(digest, 32, std::byte{0});
  CHECK_FALSE(decoded(zeros).ok());
  // What could not be read has zeros instead, and not that flag.
  Record missing = file("a");
  missing.entry.problem = Problem{"a", ErrorCode::io, "gone"};
  missing.content = {};
  CHECK(encoded(missing).size() > 32);
  CHECK(*decoded(encoded(missing)) == missing);
}

TEST_CASE("a condemned pack stays one in bytes, and no other state is known") {
  PackInfo pack;
  pack.directory = {{1000, 0, 960, {{ChunkId{}, 960}}}};
  pack.size_bytes = kPackHeaderBytes + 1000 + kSealBytes + kPackTrailerBytes;
  pack.condemned = true;
  Bytes bytes = encode_index({{}, {pack}});
  const auto decoded_index = decode_index(bytes);
  REQUIRE(decoded_index.ok());
  CHECK(decoded_index->packs.front().condemned);
  // Counts (two bytes), name, size (two bytes), type: the state follows.
  const std::size_t state = 2 + 32 + 2 + 1;
  REQUIRE(bytes[state] == std::byte{1});
  bytes[state] = std::byte{2};
  CHECK_FALSE(decode_index(bytes).ok());
}

TEST_CASE("extents of no length and hard links out of the tree are refused") {
  Record empty = file("a");
  empty.content.extents[0].length_bytes = 0;
  CHECK_FALSE(decoded(encoded(empty)).ok());
  Record link;
  link.entry.path = "a";
  link.entry.type = EntryType::hardlink;
  for (const char* target : {"", "../b", "/b", "b//c"}) {
    link.entry.link_target = target;
    CHECK_FALSE(decoded(encoded(link)).ok());
  }
  link.entry.link_target = "b/c";
  CHECK(decoded(encoded(link)).ok());
}

TEST_CASE("children of an inner node ascend, hold records and have clean paths") {
  const auto node = [](std::vector<NodeRef> children) { return decode_inner(encode_inner(1, children)).ok(); };
  CHECK(node({{{}, 1, ""}, {{}, 1, "a"}, {{}, 1, "a/b"}, {{}, 1, "a b"}}));
  CHECK_FALSE(node({{{}, 1, "b"}, {{}, 1, "a"}}));
  CHECK_FALSE(node({{{}, 1, "a"}, {{}, 1, "a"}}));
  CHECK_FALSE(node({{{}, 0, "a"}}));
  CHECK_FALSE(node({{{}, 1, "../a"}}));
}

TEST_CASE("an index that lists more frames than fit the pack is refused") {
  PackInfo pack;
  pack.directory = {{1000, 0, 960, {{ChunkId{}, 960}}}};
  pack.size_bytes = kPackHeaderBytes + 1000 + kSealBytes + kPackTrailerBytes;
  CHECK(decode_index(encode_index({{}, {pack}})).ok());
  --pack.size_bytes;
  CHECK_FALSE(decode_index(encode_index({{}, {pack}})).ok());
  pack = {};
  CHECK_FALSE(decode_index(encode_index({{}, {pack}})).ok());
}

TEST_CASE("generations of a key set ascend") {
  KeySet keys;
  keys.data_keys.push_back({1, {}, {}});
  keys.data_keys.push_back({2, {}, {}});
  CHECK(decode_key_set(encode_key_set(keys, KeyRole::write).view()).ok());
  keys.data_keys[1].generation = 1;
  CHECK_FALSE(decode_key_set(encode_key_set(keys, KeyRole::write).view()).ok());
}

TEST_CASE("counts of a snapshot that do not fit are damage, never a wrapped number") {
  CHECK(decode_snapshot_public(as_bytes(R"({"stats":{"bytes":18446744073709551615}})")).ok());
  CHECK_FALSE(decode_snapshot_public(as_bytes(R"({"stats":{"bytes":-1}})")).ok());
  CHECK_FALSE(decode_snapshot_public(as_bytes(R"({"stats":{},"time_ns":9223372036854775808})")).ok());
  CHECK_FALSE(decode_snapshot_public(as_bytes(R"({"stats":{"bytes":1.5}})")).ok());
}
