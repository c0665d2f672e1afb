// Two copies that differ: only what is provably bad is overwritten, and only with what is provably good.
#include <doctest/doctest.h>

#include <drkit/mirror.hpp>

#include "format/common.hpp"

using namespace drkit;

namespace {

/// Two copies with an object under one key.
struct Pair {
  StoragePtr copy[2] = {make_memory_storage(), make_memory_storage()};
  StoragePtr storage = mirror({copy[0], copy[1]})->storage;
  std::string key;

  Pair(std::string name, const Bytes& first, const Bytes& second) : key(std::move(name)) {
    REQUIRE(copy[0]->put({}, key, first, {}).ok());
    REQUIRE(copy[1]->put({}, key, second, {}).ok());
  }
  Bytes at(int number) const { return *copy[number]->get({}, key, {}); }
  Bytes read() const { return *storage->get({}, key, {}); }
  std::vector<MirrorGap> settle() const {
    auto left = settle_mirror({}, storage);
    REQUIRE(left.ok());
    return std::move(*left);
  }
};

Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

Bytes longer(Bytes bytes) {
  bytes.push_back(std::byte{'x'});
  return bytes;
}

Bytes shorter(Bytes bytes) {
  bytes.pop_back();
  return bytes;
}

Bytes flipped(Bytes bytes, std::size_t at) {
  bytes[at] ^= std::byte{1};
  return bytes;
}

const char* const kNamedByDigest = "data/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // of "abc"

}  // namespace

TEST_CASE("of two objects of a repository the whole one is kept, whichever is longer and whichever comes first") {
  const Bytes good = format::wrap_envelope(format::Kind::config, as_bytes("the only config"));
  for (const std::string key : {"config", "keys/0123", "snapshots/0123"}) {
    CAPTURE(key);
    for (const Bytes& bad : {longer(good), shorter(good), Bytes(), Bytes(good.size() + 1), longer(flipped(good, 0))}) {
      for (const int number : {0, 1}) {
        const Pair pair(key, number == 0 ? bad : good, number == 0 ? good : bad);
        CHECK(pair.read() == good);
        CHECK(pair.settle().empty());
        CHECK(pair.at(0) == good);
        CHECK(pair.at(1) == good);
      }
    }
  }
}

TEST_CASE("an object that is named by its digest is proven by nothing else") {
  const Bytes good = bytes_of("abc");
  for (const Bytes& bad : {longer(good), shorter(good), format::wrap_envelope(format::Kind::index, as_bytes("abc"))}) {
    for (const int number : {0, 1}) {
      const Pair pair(kNamedByDigest, number == 0 ? bad : good, number == 0 ? good : bad);
      CHECK(pair.settle().empty());
      CHECK(pair.at(0) == good);
      CHECK(pair.at(1) == good);
    }
  }
}

TEST_CASE("bytes that were flipped on one copy are read from the other, wherever in the object") {
  const Bytes good = format::wrap_envelope(format::Kind::snapshot, as_bytes("content"));
  for (std::size_t at = 0; at < good.size(); ++at) {
    CAPTURE(at);
    // The kind is covered by the checksum, not judged.
    const Pair pair("snapshots/0123", flipped(good, at), good);
    CHECK(pair.read() == good);
    CHECK(*pair.storage->get({}, pair.key, {0, 4096}) == good);
    CHECK(pair.settle().empty());
    CHECK(pair.at(0) == good);
  }
}

TEST_CASE("where nothing proves which is right both stay, and the difference is named until it is gone") {
  const Bytes config = format::wrap_envelope(format::Kind::config, as_bytes("one"));
  struct Case {
    std::string key;
    Bytes first, second;
  };
  const Case cases[] = {
      {"notes", bytes_of("x"), bytes_of("xy")},
      {"config", config, format::wrap_envelope(format::Kind::config, as_bytes("another"))},  // both whole
      {"config", longer(config), longer(longer(config))},                                    // neither
      {kNamedByDigest, bytes_of("a"), bytes_of("ab")},
  };
  for (const Case& one : cases) {
    CAPTURE(one.key);
    const Pair pair(one.key, one.first, one.second);
    for (int round = 0; round < 2; ++round) {
      const auto left = pair.settle();
      REQUIRE(left.size() == 2);
      for (std::size_t i = 0; i < 2; ++i) {
        CHECK(left[i].key == one.key);
        CHECK(left[i].copy == i);
        CHECK(left[i].damaged);
        CHECK(left[i].reason.find("nothing proves which are right") != std::string::npos);
        CHECK(left[i].reason.find(pair.copy[0]->info().name) != std::string::npos);
      }
      CHECK(pair.at(0) == one.first);
      CHECK(pair.at(1) == one.second);
    }
    REQUIRE(pair.copy[1]->remove({}, one.key).ok());
    REQUIRE(pair.copy[1]->put({}, one.key, one.first, {}).ok());
    CHECK(pair.settle().empty());
  }
}

TEST_CASE("an object that a copy has already is not replaced because a put failed there") {
  const StoragePtr old = make_memory_storage();
  const StoragePtr other = make_memory_storage();
  REQUIRE(old->put({}, "k", as_bytes("old"), {}).ok());
  const FaultPlan once{.faults = {{.kind = FaultKind::fail, .call = StorageCall::put}}};
  const auto made = mirror({with_faults(old, once), other}, {.quorum = 1});
  REQUIRE(made->storage->put({}, "k", as_bytes("new"), {}).ok());
  const auto healed = made->control->heal({});
  REQUIRE(healed.ok());
  CHECK(healed->objects_copied == 0);
  REQUIRE(healed->left.size() == 1);
  CHECK(healed->left[0].key == "k");
  CHECK(as_text(*old->get({}, "k", {})) == "old");
}

TEST_CASE("what is missing is copied, from where it is whole; what vanished everywhere is no gap") {
  const Bytes good = format::wrap_envelope(format::Kind::config, as_bytes("config"));
  const StoragePtr copy[] = {make_memory_storage(), make_memory_storage(), make_memory_storage()};
  const auto made = mirror({copy[0], copy[1], copy[2]});
  REQUIRE(copy[0]->put({}, "config", shorter(good), {}).ok());
  REQUIRE(copy[2]->put({}, "config", good, {}).ok());
  REQUIRE(copy[0]->put({}, "notes", as_bytes("x"), {}).ok());
  REQUIRE(copy[0]->put({}, kNamedByDigest, as_bytes("ab"), {}).ok());
  REQUIRE(copy[1]->put({}, "gone", as_bytes("x"), {}).ok());
  REQUIRE(made->control->compare({}).ok());
  REQUIRE(copy[1]->remove({}, "gone").ok());
  const auto healed = made->control->heal({});
  REQUIRE(healed.ok());
  CHECK(healed->objects_copied == 4);
  for (const StoragePtr& one : copy) {
    CHECK(*one->get({}, "config", {}) == good);
    CHECK(as_text(*one->get({}, "notes", {})) == "x");
  }
  // A bad object is brought nowhere.
  REQUIRE(healed->left.size() == 2);
  CHECK(healed->left[0].key == kNamedByDigest);
  CHECK_FALSE(copy[1]->stat({}, kNamedByDigest).ok());
  const std::vector<MirrorGap> pending = made->control->pending();
  REQUIRE(pending.size() == 2);
  CHECK(pending[0].reason.find("no copy has it whole") != std::string::npos);
}

TEST_CASE("the places below mirrors and caches are found") {
  const StoragePtr one = make_memory_storage();
  const StoragePtr two = make_memory_storage();
  CHECK(storage_copies(*one).empty());
  const auto made = mirror({one, two});
  CHECK(storage_copies(*made->storage) == std::vector<StoragePtr>{one, two});
}
