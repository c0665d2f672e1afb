// retry: repeats what may succeed when repeated. The only place that acts on Error::retryable.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <string>
#include <unordered_set>

#include <drkit/storage.hpp>

#include "base/told_causes.hpp"
#include "storage/key.hpp"
#include "storage/layered.hpp"
#include "storage/retry/retry.hpp"

namespace drkit {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Waits need to differ between processes, not to be secret.
class Jitter {
 public:
  Jitter()
      : state_(static_cast<std::uint64_t>(steady_clock::now().time_since_epoch().count()) ^
               reinterpret_cast<std::uintptr_t>(this)) {}

  // A number in [bound / 2, bound]: a server that begins anew is not given up because all waits happened to be short.
  nanoseconds around(nanoseconds bound) {
    std::uint64_t x = state_.fetch_add(0x9e3779b97f4a7c15U, std::memory_order_relaxed);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    x ^= x >> 31;
    const auto half = static_cast<std::uint64_t>(bound.count()) / 2;
    return bound - nanoseconds(static_cast<std::int64_t>(x % (half + 1)));
  }

 private:
  std::atomic<std::uint64_t> state_;
};

class RetryStorage final : public storage::Decorator {
 public:
  RetryStorage(StoragePtr inner, RetryOptions options) : Decorator(std::move(inner)), options_(options) {}
  RetryStorage(StoragePtr inner, RetryOptions options, std::string told, steady_clock::time_point now)
      : Decorator(std::move(inner)), options_(options), told_(std::move(told), now) {}

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    return repeat(ctx, key, [&](unsigned) { return inner()->stat(ctx, key); });
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return repeat(ctx, key, [&](unsigned) { return inner()->get(ctx, key, range); });
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return repeat(ctx, key, [&](unsigned attempt) {
      auto done = inner()->put(ctx, key, bytes, options);
      const bool maybe_ours = attempt > 1 && !done.ok() && done.error().code() == ErrorCode::already_exists;
      return maybe_ours ? settle(ctx, key, bytes, std::move(done).error()) : done;
    });
  }

  // Creating one is repeated; whoever adds to it learns at once that it went wrong, and stores the bytes otherwise.
  Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key) override {
    return repeat(ctx, key, [&](unsigned) { return inner()->grow(ctx, key); });
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    return repeat(ctx, key, [&](unsigned) { return inner()->remove(ctx, key); });
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    // A listing that broke in the middle starts again: what was shown is not shown twice.
    std::unordered_set<std::string> shown;
    bool stopped = false;
    return repeat(ctx, prefix, [&](unsigned) {
      auto done = inner()->list(ctx, prefix, [&](const ObjectInfo& object) {
        stopped = shown.insert(object.key).second && !visit(object);
        return !stopped;
      });
      // A visitor who has seen enough is not asked again, whatever happened to the rest.
      return stopped ? Result<void>() : std::move(done);
    });
  }

 private:
  StoragePtr around(StoragePtr other) const override { return with_retry(std::move(other), options_); }

  // An earlier attempt may have created the object and lost its answer: then the bytes there are ours.
  Result<void> settle(const Context& ctx, std::string_view key, ByteView bytes, Error exists) {
    auto there = inner()->get(ctx, key, {});
    if (there && std::equal(there->begin(), there->end(), bytes.begin(), bytes.end())) return {};
    // Removed meanwhile, by somebody else: it did exist. Any other failure leaves the question open.
    if (there || there.error().code() == ErrorCode::not_found) return exists;
    return std::move(there).error();
  }

  template <class Call>
  auto repeat(const Context& ctx, std::string_view key, Call call) -> decltype(call(1U)) {
    const auto deadline = ctx.clock->steady() + options_.deadline;
    for (unsigned attempt = 1;; ++attempt) {
      auto result = call(attempt);
      if (result.ok() || !result.error().retryable()) return result;
      const nanoseconds delay = std::max(jitter_.around(bound(attempt)), asked_wait(result.error()));
      if (attempt >= options_.max_attempts || ctx.clock->steady() + delay >= deadline) {
        return std::move(result).error().with("attempts", std::to_string(attempt));
      }
      told_.tell(ctx, result.error());
      if (auto slept = ctx.clock->sleep_for(delay, ctx.cancel); !slept) {
        return std::move(slept).error().with("key", std::string(key)).caused_by(std::move(result).error());
      }
    }
  }

  // What the other side asked for: coming earlier would only be refused again.
  static nanoseconds asked_wait(const Error& error) {
    constexpr std::int64_t kMostMs = std::int64_t{24} * 3600 * 1000;
    for (const auto& [name, value] : error.context()) {
      if (name != "retry_after_ms") continue;
      std::int64_t wait_ms = 0;
      const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), wait_ms);
      if (bad == std::errc() && end == value.data() + value.size()) {
        return std::chrono::milliseconds(std::clamp<std::int64_t>(wait_ms, 0, kMostMs));
      }
    }
    return nanoseconds::zero();
  }

  nanoseconds bound(unsigned attempt) const {
    nanoseconds delay = options_.first_delay;
    for (unsigned i = 1; i < attempt && delay < options_.max_delay; ++i) delay *= 2;
    return std::clamp<nanoseconds>(delay, nanoseconds::zero(), options_.max_delay);
  }

  const RetryOptions options_;
  Jitter jitter_;
  base::ToldCauses told_;
};

}  // namespace

StoragePtr with_retry(StoragePtr inner, RetryOptions options) {
  return std::make_shared<RetryStorage>(std::move(inner), options);
}

StoragePtr storage::with_retry_after(const Context& ctx, StoragePtr inner, RetryOptions options, std::string told) {
  return std::make_shared<RetryStorage>(std::move(inner), options, std::move(told), ctx.clock->steady());
}

}  // namespace drkit
