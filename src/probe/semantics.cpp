// The ways of a storage that a repository rests on, each looked at from the outside.
#include <algorithm>
#include <atomic>
#include <optional>

#include "probe/bench.hpp"

namespace drkit::probe {
namespace {

constexpr unsigned kRivals = 8;

bool same(const Bytes& got, ByteView put) { return std::equal(got.begin(), got.end(), put.begin(), put.end()); }

/// The first error that threads met.
class FirstError {
 public:
  void note(Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  const std::optional<Error>& get() const { return error_; }

 private:
  std::mutex mutex_;
  std::optional<Error> error_;
};

Result<ProbeItem> round_trip(Bench& bench) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{70'000}}) {
    const std::string name = "round-trip/" + std::to_string(size);
    const Bytes bytes = pattern(size, size);
    if (auto put = bench.put(name, bytes); !put) return judged(put.error(), "put");
    const auto got = bench.get(name);
    if (!got) return judged(got.error(), "get of an object that was just put");
    if (!same(*got, bytes)) return bad("an object of " + std::to_string(size) + " bytes comes back changed");
    const auto info = bench.storage.stat(bench.ctx, bench.prefix + name);
    if (!info) return judged(info.error(), "stat of an object that was just put");
    if (info->size_bytes != size) return bad("stat tells another size than was put");
  }
  const auto absent = bench.get("round-trip/absent");
  if (absent) return bad("an object that was never put can be read");
  if (absent.error().code() != ErrorCode::not_found) return judged(absent.error(), "get of an absent object");
  return good("objects come back as they were put");
}

// Storages that say themselves that they cannot are used in another way; those that lie are dangerous.
ProbeItem unconditional(const Bench& bench, const std::string& what) {
  if (bench.storage.info().conditional_create) return bad(what + ", although the storage promises otherwise");
  return degraded(what + "; repositories use a slower way here");
}

Result<ProbeItem> conditional_put(Bench& bench) {
  if (auto put = bench.put("conditional/one", as_bytes("first"), {.if_absent = true}); !put) {
    return judged(put.error(), "put of a new object with if_absent");
  }
  const auto again = bench.put("conditional/one", as_bytes("second"), {.if_absent = true});
  if (!again && could_not_ask(again.error())) return again.error();
  const auto there = bench.get("conditional/one");
  if (!there) return judged(there.error(), "get after a refused put");
  if (as_text(*there) != "first") return unconditional(bench, "put with if_absent replaces an object that exists");
  if (again.ok()) return unconditional(bench, "put with if_absent says success although the object existed");
  if (again.error().code() != ErrorCode::already_exists) {
    return judged(again.error(), "put with if_absent of an object that exists", ProbeVerdict::degraded);
  }
  return good("put with if_absent refuses an object that exists");
}

Result<ProbeItem> conditional_race(Bench& bench) {
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = "race/" + std::to_string(round);
    std::atomic<unsigned> winners{0};
    FirstError failed;
    in_threads(kRivals, [&](unsigned number) {
      auto put = bench.put(name, as_bytes(std::to_string(number)), {.if_absent = true});
      if (put) ++winners;
      if (!put && put.error().code() != ErrorCode::already_exists) failed.note(std::move(put).error());
    });
    if (failed.get()) return judged(*failed.get(), "put with if_absent by rivals", ProbeVerdict::degraded);
    if (winners == 1) continue;
    return unconditional(bench, std::to_string(winners) + " of " + std::to_string(kRivals) +
                                    " rivals were told that they created one object");
  }
  return good("of rivals that create one object exactly one succeeds");
}

Result<ProbeItem> overwrite(Bench& bench) {
  constexpr std::size_t kSize = 200'000;
  const Bytes old_bytes(kSize, std::byte{'o'});
  const Bytes new_bytes(kSize - 7, std::byte{'n'});
  if (auto put = bench.put("overwrite", old_bytes); !put) return judged(put.error(), "put");
  std::atomic<bool> mixed{false};
  std::atomic<bool> writing{true};
  FirstError failed;
  in_threads(3, [&](unsigned number) {
    for (int i = 0; number == 0 && i < 6; ++i) {
      if (auto put = bench.put("overwrite", i % 2 == 0 ? new_bytes : old_bytes); !put) failed.note(put.error());
    }
    if (number == 0) writing = false;
    while (writing) {
      const auto got = bench.get("overwrite");
      if (!got) failed.note(got.error());
      if (got && !same(*got, old_bytes) && !same(*got, new_bytes)) mixed = true;
      if (!got) return;
    }
  });
  if (mixed) {
    return degraded("who reads an object while it is replaced may see a mixture; repositories never replace one");
  }
  if (failed.get()) return judged(*failed.get(), "replacing an object", ProbeVerdict::degraded);
  return good("readers see the old object or the new one, never a mixture");
}

Result<ProbeItem> ranges(Bench& bench) {
  const Bytes bytes = pattern(10'000, 3);
  if (auto put = bench.put("ranges", bytes); !put) return judged(put.error(), "put");
  const ByteView view(bytes);
  const std::pair<ByteRange, ByteView> asked[] = {
      {{0, 1}, view.first(1)}, {{4000, 100}, view.subspan(4000, 100)}, {{9990, 100}, view.last(10)}};
  for (const auto& [range, expected] : asked) {
    const auto got = bench.get("ranges", range);
    if (!got) return judged(got.error(), "get of a range");
    if (!same(*got, expected)) return bad("get of a range gives other bytes than the range's");
  }
  if (bench.get("ranges", {10'001, 1}))
    return degraded("a range past the object's end is answered as if it were there");
  return good("ranges are exact");
}

Result<ProbeItem> consistency(Bench& bench) {
  constexpr int kObjects = 12;
  for (int i = 0; i < kObjects; ++i) {
    const std::string name = "visible/" + std::to_string(i);
    if (auto put = bench.put(name, as_bytes(name)); !put) return judged(put.error(), "put");
    const auto got = bench.get(name);
    if (!got && got.error().code() == ErrorCode::not_found) return bad("an object is not found right after its put");
    if (!got) return judged(got.error(), "get");
    const auto listed = bench.list("visible/");
    if (!listed) return judged(listed.error(), "list");
    if (listed->size() != static_cast<std::size_t>(i) + 1) return bad("a listing lacks an object right after its put");
  }
  return good("objects are read and listed right after their put");
}

Result<ProbeItem> removal(Bench& bench) {
  if (auto put = bench.put("removal/one", as_bytes("x")); !put) return judged(put.error(), "put");
  const std::string key = bench.prefix + "removal/one";
  if (auto removed = bench.storage.remove(bench.ctx, key); !removed) {
    return judged(removed.error(), "remove", ProbeVerdict::degraded);
  }
  if (bench.get("removal/one")) return degraded("a removed object can still be read for a while");
  const auto listed = bench.list("removal/");
  if (!listed) return judged(listed.error(), "list");
  if (!listed->empty()) return degraded("a removed object is still listed for a while");
  if (auto again = bench.storage.remove(bench.ctx, key); !again) {
    return judged(again.error(), "remove of an absent object", ProbeVerdict::degraded);
  }
  return good("removed objects are gone at once");
}

// While a large object is being put, nobody may see a part of it, under whatever name.
Result<ProbeItem> half_written(Bench& bench) {
  const Bytes bytes = pattern(bench.options.object_bytes, 5);
  std::atomic<bool> writing{true};
  std::atomic<bool> seen{false};
  FirstError failed;
  in_threads(2, [&](unsigned number) {
    if (number == 0) {
      if (auto put = bench.put("half/large", bytes); !put) failed.note(std::move(put).error());
      writing = false;
    }
    while (writing) {
      const auto listed = bench.list("half/");
      if (!listed) failed.note(listed.error());
      if (!listed) return;
      for (const ObjectInfo& object : *listed) {
        if (object.key != bench.prefix + "half/large" || object.size_bytes != bytes.size()) seen = true;
      }
    }
  });
  if (failed.get()) return judged(*failed.get(), "listing while an object is put");
  if (seen) return bad("an object is listed before all of it is there");
  return good("an object that is being put is invisible until it is whole");
}

Result<ProbeItem> longest_key(Bench& bench) {
  constexpr std::size_t kMaxKeyBytes = 200;
  const std::string start = "long/" + std::string(90, 'a') + "/";
  const std::string name = start + std::string(kMaxKeyBytes - bench.prefix.size() - start.size(), 'z');
  if (auto put = bench.put(name, as_bytes("x")); !put) return judged(put.error(), "put under a key of 200 bytes");
  const auto listed = bench.list("long/");
  if (!listed) return judged(listed.error(), "list");
  if (listed->size() != 1 || listed->front().key != bench.prefix + name) return bad("long keys are listed otherwise");
  return good("keys of 200 bytes are kept");
}

}  // namespace

std::vector<Case> semantics() {
  return {{"round_trip", round_trip},
          {"conditional_put", conditional_put},
          {"conditional_race", conditional_race},
          {"overwrite", overwrite},
          {"ranges", ranges},
          {"consistency", consistency},
          {"removal", removal},
          {"half_written", half_written},
          {"longest_key", longest_key}};
}

}  // namespace drkit::probe
