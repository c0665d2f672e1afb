#include <algorithm>
#include <random>

#include "probe/bench.hpp"

namespace drkit {
namespace probe {

Result<std::vector<ObjectInfo>> Bench::list(const std::string& part) {
  std::vector<ObjectInfo> found;
  DRKIT_TRY(storage.list(ctx, prefix + part, [&](const ObjectInfo& object) {
    found.push_back(object);
    return true;
  }));
  return found;
}

std::size_t Bench::clean() {
  Context own = ctx;
  own.cancel = CancelToken();
  const std::lock_guard lock(mutex_);
  // A listing finds what an earlier answer did not tell, and the names what a late listing does not show yet.
  static_cast<void>(storage.list(own, prefix, [&](const ObjectInfo& object) {
    names_.insert(object.key.substr(prefix.size()));
    return true;
  }));
  std::size_t left = 0;
  for (const std::string& name : names_) left += storage.remove(own, prefix + name).ok() ? 0 : 1;
  names_.clear();
  return left;
}

bool could_not_ask(const Error& error) {
  return error.retryable() || error.code() == ErrorCode::cancelled || error.code() == ErrorCode::unauthenticated ||
         error.code() == ErrorCode::no_space || error.code() == ErrorCode::out_of_memory;
}

Result<ProbeItem> judged(const Error& error, std::string_view what, ProbeVerdict verdict) {
  if (could_not_ask(error)) return error;
  return ProbeItem{{}, verdict, std::string(what) + " fails: " + error.message(), 0, {}};
}

void in_threads(unsigned count, const std::function<void(unsigned)>& work) {
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < count; ++i) threads.emplace_back(work, i);
  work(0);
  for (std::thread& thread : threads) thread.join();
}

Bytes pattern(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  std::uint64_t state = seed * 2 + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

namespace {

std::string random_prefix() {
  std::random_device device;
  std::string digits;
  for (int i = 0; i < 16; ++i) digits += "0123456789abcdef"[device() % 16];
  return "drkit-probe-" + digits + "/";
}

Result<void> run_cases(Bench& bench, const std::vector<Case>& cases, ProbeReport& report) {
  for (const Case& one : cases) {
    DRKIT_TRY(bench.ctx.check_cancelled());
    if (bench.ctx.progress != nullptr) {
      const ProgressEvent event{"probe", one.id, report.items.size(), 0, 0, 0, 0};
      if (!bench.ctx.progress->on_event(event)) return Error(ErrorCode::cancelled, "cancelled by the caller");
    }
    auto item = one.run(bench);
    if (!item) return std::move(item).error().with("probe", std::string(one.id));
    item->id = one.id;
    report.items.push_back(std::move(*item));
  }
  return {};
}

void conclude(ProbeReport& report) {
  std::string reasons;
  for (const ProbeItem& item : report.items) report.verdict = std::max(report.verdict, item.verdict);
  for (const ProbeItem& item : report.items) {
    if (item.verdict != report.verdict || report.verdict == ProbeVerdict::ok) continue;
    reasons += (reasons.empty() ? "" : "; ") + item.explanation;
  }
  switch (report.verdict) {
    case ProbeVerdict::ok:
      report.summary = "safe for a repository";
      break;
    case ProbeVerdict::degraded:
      report.summary = "safe for a repository, with limits: " + reasons;
      break;
    case ProbeVerdict::unsafe:
      report.summary = "not safe for a repository: " + reasons;
      break;
  }
}

Result<void> check_options(const ProbeOptions& options) {
  if (options.object_bytes == 0 || options.object_bytes > (std::uint64_t{256} << 20)) {
    return Error(ErrorCode::invalid_argument, "object_bytes must be from 1 to 256 MiB");
  }
  if (options.small_objects == 0 || options.small_objects > 10'000) {
    return Error(ErrorCode::invalid_argument, "small_objects must be from 1 to 10000");
  }
  return {};
}

}  // namespace
}  // namespace probe

std::string_view probe_verdict_name(ProbeVerdict verdict) {
  switch (verdict) {
    case ProbeVerdict::ok:
      return "ok";
    case ProbeVerdict::degraded:
      return "degraded";
    case ProbeVerdict::unsafe:
      return "unsafe";
  }
  return "unsafe";
}

Result<ProbeReport> probe_storage(const Context& ctx, Storage& storage, const ProbeOptions& options) {
  DRKIT_TRY(probe::check_options(options));
  ProbeReport report;
  report.storage = storage.info().name;
  report.started_ns = ctx.clock->wall_ns();
  const auto begin = ctx.clock->steady();
  probe::Bench bench(ctx, storage, options, probe::random_prefix());
  Result<void> done = bench.put("first", as_bytes("is anybody there"));
  if (done) done = probe::run_cases(bench, probe::semantics(), report);
  if (done) done = probe::run_cases(bench, probe::measurements(), report);
  const std::size_t left = bench.clean();
  DRKIT_TRY(std::move(done));
  ProbeItem cleanup = left == 0 ? probe::good("everything that was put is removed again")
                                : probe::degraded(std::to_string(left) + " objects below " + bench.prefix +
                                                  " could not be removed: pruning will free nothing");
  cleanup.id = "cleanup";
  report.items.push_back(std::move(cleanup));
  probe::conclude(report);
  report.duration_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(ctx.clock->steady() - begin).count();
  return report;
}

}  // namespace drkit
