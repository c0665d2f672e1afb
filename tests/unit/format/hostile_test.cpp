// Every encoding: there and back, cut at every length, and damaged at random, where a decoder may only answer corrupt.
#include <doctest/doctest.h>

#include <functional>

#include "crypto/sha256.hpp"
#include "format/keys.hpp"
#include "format/manifest.hpp"
#include "format/pack.hpp"
#include "format/snapshot.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::format;
using drkit::testing::SeededRandom;

namespace {

SeededRandom& random_source() {
  static SeededRandom random(11);
  return random;
}

template <class Array>
Array some() {
  Array value{};
  random_source().fill(value);
  return value;
}

PackDirectory some_directory(std::uint64_t& frames_bytes) {
  PackDirectory directory(3);
  frames_bytes = 0;
  for (FrameEntry& frame : directory) {
    frame.sealed_bytes = 100 + static_cast<std::uint32_t>(frames_bytes);
    frame.codec = 1;
    for (std::uint32_t i = 0; i < 3; ++i) frame.chunks.push_back({some<ChunkId>(), 1000 * i});
    frame.plain_bytes = 3000;
    frames_bytes += frame.sealed_bytes;
  }
  return directory;
}

IndexSegment some_index() {
  IndexSegment segment;
  segment.supersedes.push_back(some<Digest>());
  for (int i = 0; i < 2; ++i) {
    PackInfo pack;
    pack.name = some<Digest>();
    pack.content_key = {3, some<std::array<std::byte, kSealedKeyBytes>>()};
    std::uint64_t frames_bytes = 0;
    pack.directory = some_directory(frames_bytes);
    pack.size_bytes = frames_bytes + 500;
    segment.packs.push_back(std::move(pack));
  }
  return segment;
}

Bytes some_snapshot_object() {
  SnapshotObject object;
  object.sealed_public = random_source().bytes(50);
  object.content_key = {7, some<std::array<std::byte, kSealedKeyBytes>>()};
  object.sealed_private = random_source().bytes(70);
  return encode_snapshot(object);
}

Bytes some_public() {
  SnapshotPublic value;
  value.value.source_kind = "kind";
  value.value.tags = {{"a", "b"}};
  value.predecessors = {{std::string(32, 'a'), some<Digest>()}};
  return encode_snapshot_public(value);
}

Bytes some_private() {
  SnapshotPrivate value;
  value.receipt = {{"start_lsn", "0/1"}};
  value.problems = {{"path\xff", ErrorCode::io, "broken"}};
  return encode_snapshot_private(value);
}

Bytes some_slot() {
  Slot slot;
  slot.header.is_password = true;
  slot.header.label = "label";
  slot.sealed_key_set = random_source().bytes(200);
  slot.tag = some<Key>();
  return encode_slot(slot);
}

Bytes some_extents() {
  std::vector<Extent> extents(5);
  for (Extent& extent : extents) extent = {some<ChunkId>(), 1ULL << 40, 3, 4};
  return encode_extents(extents);
}

struct Subject {
  const char* name;
  Bytes bytes;
  std::function<Result<Bytes>(ByteView)> there_and_back;
};

template <class T>
Result<Bytes> again(Result<T> value, Bytes (*encode)(const T&)) {
  if (!value) return std::move(value).error();
  return encode(*value);
}

std::vector<Subject> subjects() {
  return {
      {"index", encode_index(some_index()), [](ByteView b) { return again(decode_index(b), encode_index); }},
      {"snapshot", some_snapshot_object(), [](ByteView b) { return again(decode_snapshot(b), encode_snapshot); }},
      {"public", some_public(), [](ByteView b) { return again(decode_snapshot_public(b), encode_snapshot_public); }},
      {"private", some_private(),
       [](ByteView b) { return again(decode_snapshot_private(b), encode_snapshot_private); }},
      {"slot", some_slot(), [](ByteView b) { return again(decode_slot(b), encode_slot); }},
      {"config", encode_config({some<RepositoryId>(), 5, {}, some<Key>()}),
       [](ByteView b) { return again(decode_config(b), encode_config); }},
      {"inner", encode_inner(2, {{some<ChunkId>(), 3, "a"}, {some<ChunkId>(), 4, "b"}}),
       [](ByteView b) -> Result<Bytes> {
         auto inner = decode_inner(b);
         if (!inner) return std::move(inner).error();
         return encode_inner(inner->level, inner->children);
       }},
      {"extents", some_extents(), [](ByteView b) { return again(decode_extents(b), encode_extents); }},
      {"pack header", encode_pack_header({PackType::meta, some<RepositoryId>(), {2, {}}}),
       [](ByteView b) { return again(decode_pack_header(b), encode_pack_header); }},
  };
}

void may_only_be_corrupt(const Result<Bytes>& result) {
  if (!result)
    CHECK((result.error().code() == ErrorCode::corrupt || result.error().code() == ErrorCode::version_unsupported));
}

}  // namespace

TEST_CASE("every encoding comes back the same and is refused when it is cut") {
  for (const Subject& subject : subjects()) {
    CAPTURE(subject.name);
    const auto whole = subject.there_and_back(subject.bytes);
    REQUIRE_MESSAGE(whole.ok(), whole.error().to_string());
    CHECK(*whole == subject.bytes);
    for (std::size_t length = 0; length < subject.bytes.size(); ++length) {
      CAPTURE(length);
      const auto cut = subject.there_and_back(ByteView(subject.bytes).first(length));
      REQUIRE_FALSE(cut.ok());
      CHECK(cut.error().code() == ErrorCode::corrupt);
    }
  }
}

TEST_CASE("random damage and random bytes are corrupt or another value, never worse") {
  SeededRandom random(12);
  for (const Subject& subject : subjects()) {
    CAPTURE(subject.name);
    for (int round = 0; round < 1000; ++round) {
      Bytes bytes = subject.bytes;
      for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
        bytes[static_cast<std::size_t>(random.below(bytes.size()))] = static_cast<std::byte>(random.below(256));
      }
      may_only_be_corrupt(subject.there_and_back(bytes));
      Bytes noise = random.bytes(static_cast<std::size_t>(random.below(120)));
      may_only_be_corrupt(subject.there_and_back(noise));
    }
  }
}

TEST_CASE("lengths and counts that claim more than there is cost nothing") {
  base::ByteWriter out;
  out.varint(0);
  out.varint(0xffff'ffff'ffff'ffffULL);
  CHECK(decode_index(out.view()).error().code() == ErrorCode::corrupt);
  out.clear();
  out.u8(static_cast<std::uint8_t>(NodeType::extents));
  out.varint(1ULL << 60);
  CHECK(decode_extents(out.view()).error().code() == ErrorCode::corrupt);
  out.clear();
  out.varint(1);
  out.varint(kMaxFrameBytes + kSealBytes);
  out.u8(0);
  out.varint(1ULL << 50);
  base::ByteReader in(out.view());
  CHECK(decode_directory(in, 1).error().code() == ErrorCode::corrupt);
}

TEST_CASE("an envelope of a later version says so, one whose version byte is damaged is damaged") {
  const Bytes payload = random_source().bytes(40);
  Bytes object = wrap_envelope(Kind::lease, payload);
  const auto unwrapped = unwrap_envelope(Kind::lease, object);
  REQUIRE(unwrapped.ok());
  CHECK(Bytes(unwrapped->begin(), unwrapped->end()) == payload);
  CHECK(unwrap_envelope(Kind::index, object).error().code() == ErrorCode::corrupt);
  object[6] = std::byte{2};
  CHECK(unwrap_envelope(Kind::lease, object).error().code() == ErrorCode::corrupt);
  const Digest digest = crypto::sha256(ByteView(object).first(object.size() - 32));
  std::copy(digest.begin(), digest.end(), object.end() - 32);
  CHECK(unwrap_envelope(Kind::lease, object).error().code() == ErrorCode::version_unsupported);
}

TEST_CASE("paths that leave their tree are not clean") {
  for (const char* path : {"/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../a", "a/.."}) {
    CAPTURE(path);
    CHECK_FALSE(clean_path(path));
  }
  CHECK_FALSE(clean_path(std::string_view("a\0b", 3)));
  for (const char* path : {"", "a", "a/b", "...", ".a/b..", "a\n/\xff"}) CHECK(clean_path(path));
}
