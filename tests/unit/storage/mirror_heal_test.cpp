// What heal() may replace, and with what: never good bytes by bad ones, never new bytes by old ones.
#include <doctest/doctest.h>

#include <algorithm>

#include <drkit/mirror.hpp>

#include "crypto/sha256.hpp"

using namespace drkit;

namespace {

constexpr std::uint64_t kAlways = 1'000'000;

// Objects of repositories end in the digest of what is before.
std::string proven(const std::string& text) {
  std::string bytes = text;
  for (const std::byte digit : crypto::sha256(as_bytes(text))) bytes += static_cast<char>(digit);
  return bytes;
}

FaultPlan failing(StorageCall call, std::uint64_t times = kAlways, std::uint64_t nth = 1) {
  return {.faults = {{.kind = FaultKind::fail, .call = call, .nth = nth, .times = times}}};
}

struct Bench {
  std::vector<StoragePtr> copies;
  StoragePtr storage;
  std::shared_ptr<MirrorControl> control;

  explicit Bench(std::size_t count, unsigned quorum, std::vector<FaultPlan> plans = {}) {
    std::vector<StoragePtr> shown;
    plans.resize(count);
    for (const FaultPlan& plan : plans) {
      copies.push_back(make_memory_storage());
      shown.push_back(with_faults(copies.back(), plan));
    }
    auto made = mirror(std::move(shown), {.quorum = quorum});
    REQUIRE(made.ok());
    storage = made->storage;
    control = made->control;
  }
  void place(std::size_t copy, const std::string& key, const std::string& bytes) {
    REQUIRE(copies[copy]->put({}, key, as_bytes(bytes), {}).ok());
  }
  std::string at(std::size_t copy, const std::string& key) const {
    const auto bytes = copies[copy]->get({}, key, {});
    return bytes.ok() ? std::string(as_text(*bytes)) : std::string("(") + bytes.error().message() + ")";
  }
  MirrorHealed settle() const {
    auto healed = settle_mirror({}, storage);
    REQUIRE(healed.ok());
    return *healed;
  }
};

}  // namespace

TEST_CASE("a longer copy is not a better one: what proves to be right wins") {
  for (const bool first : {false, true}) {
    CAPTURE(first);
    Bench bench(2, 2);
    const std::string good = proven("a snapshot");
    bench.place(first ? 0 : 1, "snapshots/a", good);
    bench.place(first ? 1 : 0, "snapshots/a", good + "garbage behind");
    const MirrorHealed healed = bench.settle();
    CHECK(healed.left.empty());
    CHECK(healed.objects_copied == 1);
    CHECK(healed.bytes_copied == good.size());
    CHECK(bench.at(0, "snapshots/a") == good);
    CHECK(bench.at(1, "snapshots/a") == good);
    CHECK(bench.control->pending().empty());
  }
}

TEST_CASE("a digest in the key proves, too") {
  const std::string key = "data/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  Bench bench(2, 2);
  bench.place(0, key, "abc");
  bench.place(1, key, "abc and more");
  CHECK(bench.settle().left.empty());
  CHECK(bench.at(0, key) == "abc");
  CHECK(bench.at(1, key) == "abc");
}

TEST_CASE("bytes that prove nothing are replaced only by such as more copies have") {
  Bench two(2, 2);
  two.place(0, "k", "one");
  two.place(1, "k", "other");
  const MirrorHealed undecided = two.settle();
  REQUIRE(undecided.left.size() == 2);
  CHECK(undecided.objects_copied == 0);
  CHECK(undecided.left[0].damaged);
  CHECK(undecided.left[0].reason.find("the copies differ") != std::string::npos);
  CHECK(two.at(0, "k") == "one");
  CHECK(two.at(1, "k") == "other");

  Bench three(3, 3);
  three.place(0, "k", "longer than others");
  three.place(1, "k", "one");
  three.place(2, "k", "one");
  CHECK(three.settle().left.empty());
  for (std::size_t i = 0; i < 3; ++i) CHECK(three.at(i, "k") == "one");
}

TEST_CASE("a copy that missed a replacement gets it, and is not read before") {
  Bench bench(3, 2, {failing(StorageCall::put, 1, 2), {}, {}});
  REQUIRE(bench.storage->put({}, "k", as_bytes(proven("old")), {}).ok());
  REQUIRE(bench.storage->put({}, "k", as_bytes(proven("new")), {}).ok());
  CHECK(bench.at(0, "k") == proven("old"));
  const auto read = bench.storage->get({}, "k", {});
  REQUIRE(read.ok());
  CHECK(as_text(*read) == proven("new"));
  const MirrorHealed healed = bench.settle();
  CHECK(healed.left.empty());
  CHECK(healed.objects_copied == 1);
  CHECK(bench.at(0, "k") == proven("new"));
}

TEST_CASE("what one copy could not remove is removed later, not brought back to the others") {
  Bench bench(3, 2, {{}, failing(StorageCall::remove, 1), {}});
  REQUIRE(bench.storage->put({}, "k", as_bytes("x"), {}).ok());
  CHECK_FALSE(bench.storage->remove({}, "k").ok());
  REQUIRE(bench.control->pending().size() == 1);
  CHECK(bench.control->pending()[0].copy == 1);
  CHECK(bench.settle().left.empty());
  for (std::size_t i = 0; i < 3; ++i) CHECK(bench.copies[i]->stat({}, "k").error().code() == ErrorCode::not_found);
  CHECK(bench.control->pending().empty());
}

TEST_CASE("objects that end in their digest are read from the copy where they do, bounded reads too") {
  const std::string good = proven("a snapshot");
  const std::string bad = "A snapshot" + good.substr(10);
  Bench bench(2, 2);
  bench.place(0, "snapshots/a", bad);
  bench.place(1, "snapshots/a", good);
  for (const ByteRange range : {ByteRange{}, ByteRange{0, good.size() + 1}}) {
    const auto got = bench.storage->get({}, "snapshots/a", range);
    REQUIRE(got.ok());
    CHECK(as_text(*got) == good);
  }
  REQUIRE(bench.control->pending().size() == 1);
  CHECK(bench.control->pending()[0].copy == 0);
  CHECK(bench.control->pending()[0].damaged);
  // Known now: pieces come from the good copy, too.
  CHECK(as_text(*bench.storage->get({}, "snapshots/a", {0, 5})) == "a sna");
  CHECK(bench.settle().left.empty());
  CHECK(bench.at(0, "snapshots/a") == good);
}

TEST_CASE("a range that one copy is too short for comes from another") {
  const std::string good = proven("a pack of many bytes");
  Bench bench(2, 2);
  bench.place(0, "k", good.substr(0, 10));
  bench.place(1, "k", good);
  const auto got = bench.storage->get({}, "k", {20, 5});
  REQUIRE(got.ok());
  CHECK(as_text(*got) == good.substr(20, 5));
  CHECK(bench.control->pending().size() == 1);
  CHECK(bench.settle().left.empty());
  CHECK(bench.at(0, "k") == good);
  CHECK(bench.storage->get({}, "k", {1000, 5}).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("copies that differ without a proof are told; that two agree is no fault") {
  Bench differ(2, 2);
  differ.place(0, "k", "one");
  differ.place(1, "k", "other");
  CHECK(as_text(*differ.storage->get({}, "k", {})) == "one");
  CHECK(differ.control->pending().size() == 2);
  Bench agree(2, 2);
  REQUIRE(agree.storage->put({}, "k", as_bytes("one"), {}).ok());
  CHECK(as_text(*agree.storage->get({}, "k", {})) == "one");
  CHECK(agree.control->pending().empty());
}

TEST_CASE("a copy that cannot be listed is named, and the others are healed all the same") {
  Bench bench(3, 2, {{}, {}, failing(StorageCall::list)});
  bench.place(0, "k", "x");
  const MirrorHealed healed = bench.settle();
  CHECK(bench.at(1, "k") == "x");
  REQUIRE(healed.left.size() == 1);
  CHECK(healed.left[0].key.empty());
  CHECK(healed.left[0].copy == 2);
  CHECK(healed.left[0].reason.find("unavailable") != std::string::npos);
  CHECK(status_with_gaps(Status::complete, healed.left) == Status::partial);
  CHECK(status_with_gaps(Status::failed, healed.left) == Status::failed);
  CHECK(status_with_gaps(Status::complete, {}) == Status::complete);
}

TEST_CASE("whoever is told that an object exists may rely on it: as many copies as the quorum have it") {
  Bench bench(3, 2);
  bench.place(0, "k", "x");
  CHECK(bench.storage->put({}, "k", as_bytes("y"), {.if_absent = true}).error().code() == ErrorCode::already_exists);
  const auto having = std::count_if(bench.copies.begin(), bench.copies.end(),
                                    [](const StoragePtr& copy) { return copy->stat({}, "k").ok(); });
  CHECK(having >= 2);
  CHECK(bench.at(1, "k") == "x");

  Bench away(3, 2, {{}, failing(StorageCall::any), failing(StorageCall::any)});
  away.place(0, "k", "x");
  const auto put = away.storage->put({}, "k", as_bytes("x"), {.if_absent = true});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::unavailable);
}

TEST_CASE("an object that is on no copy any more stays a gap") {
  Bench bench(2, 1, {{}, failing(StorageCall::put, 1)});
  REQUIRE(bench.storage->put({}, "k", as_bytes("x"), {}).ok());
  REQUIRE(bench.copies[0]->remove({}, "k").ok());
  const MirrorHealed healed = bench.settle();
  REQUIRE(healed.left.size() == 1);
  CHECK(healed.left[0].key == "k");
  CHECK(healed.left[0].reason.find("no other copy has it") != std::string::npos);
}
