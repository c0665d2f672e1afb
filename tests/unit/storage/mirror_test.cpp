#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include <drkit/storage.hpp>

using namespace drkit;

namespace {

constexpr std::uint64_t kAlways = 1'000'000;

struct Bench {
  StoragePtr copy[3] = {make_memory_storage(), make_memory_storage(), make_memory_storage()};
  StoragePtr storage;
  std::shared_ptr<MirrorControl> control;

  explicit Bench(unsigned quorum, FaultPlan first = {}, FaultPlan second = {}) {
    auto made = mirror({with_faults(copy[0], std::move(first)), with_faults(copy[1], std::move(second)), copy[2]},
                       {.quorum = quorum});
    REQUIRE(made.ok());
    storage = made->storage;
    control = made->control;
  }
  std::size_t copies_with(const std::string& key) const {
    std::size_t count = 0;
    for (const auto& one : copy) count += one->stat({}, key).ok();
    return count;
  }
};

FaultPlan failing(StorageCall call, ErrorCode code = ErrorCode::unavailable) {
  return {.faults = {{.kind = FaultKind::fail, .call = call, .times = kAlways, .code = code}}};
}

}  // namespace

TEST_CASE("a put goes to every copy; one that fails is known, and healed") {
  FaultPlan once;
  once.faults.push_back({.kind = FaultKind::fail, .call = StorageCall::put, .code = ErrorCode::no_space});
  for (const bool if_absent : {false, true}) {
    CAPTURE(if_absent);
    Bench bench(2, {}, once);
    REQUIRE(bench.storage->put({}, "k", as_bytes("x"), {.if_absent = if_absent}).ok());
    CHECK(bench.copies_with("k") == 2);
    const auto gaps = bench.control->pending();
    REQUIRE(gaps.size() == 1);
    CHECK(gaps[0].key == "k");
    CHECK(gaps[0].copy == 1);
    CHECK(gaps[0].reason.find("no_space") != std::string::npos);
    const auto healed = bench.control->heal({});
    REQUIRE(healed.ok());
    CHECK(healed->objects_copied == 1);
    CHECK(healed->left.empty());
    CHECK(bench.copies_with("k") == 3);
    CHECK(bench.control->pending().empty());
  }
}

TEST_CASE("a put that too few copies take fails and leaves nothing") {
  Bench bench(2, failing(StorageCall::put), failing(StorageCall::put));
  const auto put = bench.storage->put({}, "k", as_bytes("x"), {.if_absent = true});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code() == ErrorCode::unavailable);
  CHECK(bench.copies_with("k") == 0);
  CHECK(bench.control->pending().empty());
  Bench all(0, failing(StorageCall::put));
  CHECK_FALSE(all.storage->put({}, "k", as_bytes("x"), {.if_absent = true}).ok());
  CHECK(all.copies_with("k") == 0);
}

TEST_CASE("an undone put takes back only what it created") {
  Bench bench(3, {}, failing(StorageCall::put));
  REQUIRE(bench.copy[2]->put({}, "k", as_bytes("x"), {}).ok());
  CHECK_FALSE(bench.storage->put({}, "k", as_bytes("x"), {.if_absent = true}).ok());
  CHECK(bench.copies_with("k") == 1);
}

TEST_CASE("of many rivals one creates the object, also when the first copy is down") {
  for (const bool down : {false, true}) {
    Bench bench(2, down ? failing(StorageCall::any) : FaultPlan{});
    for (int round = 0; round < 20; ++round) {
      const std::string key = "race/" + std::to_string(round);
      std::atomic<int> winners{0};
      std::vector<std::thread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back(
            [&, i] { winners += bench.storage->put({}, key, as_bytes(std::to_string(i)), {.if_absent = true}).ok(); });
      }
      for (std::thread& thread : threads) thread.join();
      CHECK(winners == 1);
    }
  }
}

TEST_CASE("reads go on to the next copy, and what was missing is healed from it") {
  Bench bench(2, failing(StorageCall::get));
  REQUIRE(bench.copy[2]->put({}, "k", as_bytes("x"), {}).ok());
  const auto got = bench.storage->get({}, "k", {});
  REQUIRE(got.ok());
  CHECK(as_text(*got) == "x");
  REQUIRE(bench.control->pending().size() == 1);
  CHECK(bench.control->pending()[0].copy == 1);
  REQUIRE(bench.control->heal({}).ok());
  CHECK(bench.copy[1]->stat({}, "k").ok());
}

TEST_CASE("not_found is said only when no quorum can have the object") {
  CHECK(Bench(2).storage->get({}, "k", {}).error().code() == ErrorCode::not_found);
  CHECK(Bench(2, failing(StorageCall::any)).storage->get({}, "k", {}).error().code() == ErrorCode::not_found);
  const Bench unsure(2, failing(StorageCall::any), failing(StorageCall::any));
  CHECK(unsure.storage->get({}, "k", {}).error().code() == ErrorCode::unavailable);
  CHECK(unsure.storage->stat({}, "k").error().code() == ErrorCode::unavailable);
}

TEST_CASE("a whole object that its key disowns is read elsewhere and replaced") {
  const std::string key = "data/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  Bench bench(2);
  REQUIRE(bench.storage->put({}, key, as_bytes("abc"), {}).ok());
  REQUIRE(bench.copy[0]->put({}, key, as_bytes("abX"), {}).ok());
  const auto got = bench.storage->get({}, key, {});
  REQUIRE(got.ok());
  CHECK(as_text(*got) == "abc");
  REQUIRE(bench.control->pending().size() == 1);
  CHECK(bench.control->pending()[0].damaged);
  REQUIRE(bench.control->heal({}).ok());
  CHECK(as_text(*bench.copy[0]->get({}, key, {})) == "abc");
  const std::string other = std::string(64, 'a');
  REQUIRE(bench.storage->put({}, other, as_bytes("no digest"), {}).ok());
  CHECK(as_text(*bench.storage->get({}, other, {})) == "no digest");
}

TEST_CASE("a listing is the union, and fails when an object could be missing from it") {
  const auto count = [](const Bench& bench) {
    int objects = 0;
    const auto listed = bench.storage->list({}, "", [&](const ObjectInfo&) { return ++objects > 0; });
    return listed.ok() ? objects : -1;
  };
  Bench bench(2);
  REQUIRE(bench.copy[0]->put({}, "a", as_bytes("x"), {}).ok());
  REQUIRE(bench.copy[1]->put({}, "a", as_bytes("x"), {}).ok());
  REQUIRE(bench.copy[2]->put({}, "b", as_bytes("x"), {}).ok());
  CHECK(count(bench) == 2);
  CHECK(count(Bench(2, failing(StorageCall::list))) == 0);
  CHECK(count(Bench(2, failing(StorageCall::list), failing(StorageCall::list))) == -1);
  CHECK(count(Bench(1, failing(StorageCall::list))) == -1);
  REQUIRE(bench.control->compare({}).ok());
  CHECK(bench.control->pending().size() == 3);
  REQUIRE(bench.control->heal({}).ok());
  CHECK(bench.copies_with("a") == 3);
  CHECK(bench.copies_with("b") == 3);
}

TEST_CASE("remove succeeds only when every copy did it") {
  Bench bench(2, failing(StorageCall::remove));
  REQUIRE(bench.storage->put({}, "k", as_bytes("x"), {}).ok());
  CHECK_FALSE(bench.storage->remove({}, "k").ok());
  CHECK(Bench(2).storage->remove({}, "k").ok());
}

TEST_CASE("a mirror of nothing, or with an impossible quorum, is refused") {
  CHECK(mirror({}).error().code() == ErrorCode::invalid_argument);
  CHECK(mirror({nullptr}).error().code() == ErrorCode::invalid_argument);
  CHECK(mirror({make_memory_storage()}, {.quorum = 2}).error().code() == ErrorCode::invalid_argument);
  const auto half = mirror({make_memory_storage(), make_memory_storage()}, {.quorum = 1});
  REQUIRE(half.ok());
  CHECK_FALSE(half->storage->info().conditional_create);
}
