// How far away a storage is, and what its clock shows.
#include <atomic>
#include <chrono>
#include <cmath>
#include <optional>

#include "probe/bench.hpp"

namespace drkit::probe {
namespace {

constexpr unsigned kWriters = 4;

double seconds_since(const Bench& bench, std::chrono::steady_clock::time_point begin) {
  constexpr double kLeast = 1e-6;
  return std::max(std::chrono::duration<double>(bench.ctx.clock->steady() - begin).count(), kLeast);
}

ProbeItem measured(ProbeItem item, double value, std::string unit) {
  item.value = value;
  item.unit = std::move(unit);
  return item;
}

std::string rounded(double value) {
  const long long tenths = std::llround(value * 10);
  if (tenths >= 100) return std::to_string(std::llround(value));
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

Result<ProbeItem> clock_skew(Bench& bench) {
  constexpr double kNanosecondsPerSecond = 1e9;
  constexpr double kTolerated = 60;
  if (auto put = bench.put("clock", as_bytes("x")); !put) return judged(put.error(), "put");
  const auto info = bench.storage.stat(bench.ctx, bench.prefix + "clock");
  if (!info) return judged(info.error(), "stat");
  if (info->modified_ns == 0) return good("the storage tells no times");
  const double skew = static_cast<double>(info->modified_ns - bench.ctx.clock->wall_ns()) / kNanosecondsPerSecond;
  if (std::fabs(skew) <= kTolerated) return measured(good("the storage's clock and this one agree"), skew, "s");
  const std::string how_far = rounded(std::fabs(skew)) + " s " + (skew > 0 ? "ahead of" : "behind");
  return measured(degraded("the storage's clock is " + how_far + " this one: set one of them right"), skew, "s");
}

Result<ProbeItem> small_objects(Bench& bench) {
  constexpr double kSlow = 5;
  std::atomic<unsigned> next{0};
  std::mutex mutex;
  std::optional<Error> failed;
  const auto begin = bench.ctx.clock->steady();
  in_threads(kWriters, [&](unsigned) {
    for (unsigned i = next++; i < bench.options.small_objects; i = next++) {
      auto put = bench.put("small/" + std::to_string(i), as_bytes("a small object"), {.if_absent = true});
      const std::lock_guard lock(mutex);
      if (!put && !failed) failed = std::move(put).error();
      if (failed) return;
    }
  });
  if (failed) return judged(*failed, "put of small objects");
  const double rate = bench.options.small_objects / seconds_since(bench, begin);
  const std::string text = "four writers put " + rounded(rate) + " small objects a second";
  return measured(rate < kSlow ? degraded(text) : good(text), rate, "objects/s");
}

Result<ProbeItem> upload(Bench& bench) {
  const Bytes bytes = pattern(bench.options.object_bytes, 7);
  const auto begin = bench.ctx.clock->steady();
  if (auto put = bench.put("large", bytes); !put) return judged(put.error(), "put of a large object");
  const double rate = static_cast<double>(bytes.size()) / seconds_since(bench, begin);
  return measured(good("one writer puts " + rounded(rate / 1e6) + " MB/s"), rate, "bytes/s");
}

Result<ProbeItem> download(Bench& bench) {
  const auto begin = bench.ctx.clock->steady();
  const auto got = bench.get("large");
  if (!got) return judged(got.error(), "get of a large object");
  const double rate = static_cast<double>(got->size()) / seconds_since(bench, begin);
  if (*got != pattern(bench.options.object_bytes, 7)) return bad("a large object comes back changed");
  return measured(good("one reader gets " + rounded(rate / 1e6) + " MB/s"), rate, "bytes/s");
}

}  // namespace

std::vector<Case> measurements() {
  return {{"clock_skew", clock_skew}, {"small_objects", small_objects}, {"upload", upload}, {"download", download}};
}

}  // namespace drkit::probe
