// throttle: keeps the average rate of all callers together below a limit.
#include <chrono>
#include <mutex>

#include <drkit/storage.hpp>

#include "storage/key.hpp"
#include "storage/layered.hpp"

namespace drkit {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// A token bucket kept as a time: the moment at which everything taken so far has been paid for.
class Bucket {
 public:
  explicit Bucket(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  // Waits until earlier bytes are paid for, then takes these. A cancelled wait takes nothing.
  Result<void> take(const Context& ctx, std::uint64_t bytes) {
    if (bytes_per_second_ == 0 || bytes == 0) return {};
    const nanoseconds cost = cost_of(bytes);
    const nanoseconds wait = reserve(ctx.clock->steady(), cost);
    if (wait <= nanoseconds::zero()) return {};
    auto slept = ctx.clock->sleep_for(wait, ctx.cancel);
    if (!slept) give_back(cost);
    return slept;
  }

 private:
  nanoseconds cost_of(std::uint64_t bytes) const {
    constexpr double kNanosecondsPerSecond = 1e9;
    constexpr double kYear = 365.0 * 24 * 3600 * kNanosecondsPerSecond;
    const double cost = static_cast<double>(bytes) / static_cast<double>(bytes_per_second_) * kNanosecondsPerSecond;
    return nanoseconds(static_cast<std::int64_t>(cost < kYear ? cost : kYear));
  }

  nanoseconds reserve(steady_clock::time_point now, nanoseconds cost) {
    const std::lock_guard lock(mutex_);
    const auto start = paid_at_ > now ? paid_at_ : now;
    paid_at_ = start + std::chrono::duration_cast<steady_clock::duration>(cost);
    return start - now;
  }

  void give_back(nanoseconds cost) {
    const std::lock_guard lock(mutex_);
    paid_at_ -= std::chrono::duration_cast<steady_clock::duration>(cost);
  }

  const std::uint64_t bytes_per_second_;
  std::mutex mutex_;
  steady_clock::time_point paid_at_{};
};

/// Shared by all that are limited together.
struct Buckets {
  explicit Buckets(ThrottleOptions options)
      : up(options.upload_bytes_per_second), down(options.download_bytes_per_second) {}
  Bucket up;
  Bucket down;
};

class ThrottledGrowth final : public GrowingObject {
 public:
  ThrottledGrowth(std::unique_ptr<GrowingObject> inner, std::shared_ptr<Buckets> buckets)
      : inner_(std::move(inner)), buckets_(std::move(buckets)) {}

  Result<void> append(const Context& ctx, ByteView bytes) override {
    DRKIT_TRY(buckets_->up.take(ctx, bytes.size()));
    return inner_->append(ctx, bytes);
  }

 private:
  const std::unique_ptr<GrowingObject> inner_;
  const std::shared_ptr<Buckets> buckets_;
};

class ThrottledStorage final : public storage::Decorator {
 public:
  ThrottledStorage(StoragePtr inner, std::shared_ptr<Buckets> buckets)
      : Decorator(std::move(inner)), buckets_(std::move(buckets)) {}

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner()->stat(ctx, key); }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    auto bytes = inner()->get(ctx, key, range);
    // How much comes is known only now: paid for afterwards.
    if (bytes) DRKIT_TRY(pay(buckets_->down, ctx, key, bytes->size()));
    return bytes;
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(storage::begin_call(ctx, key));
    DRKIT_TRY(pay(buckets_->up, ctx, key, bytes.size()));
    return inner()->put(ctx, key, bytes, options);
  }

  Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key) override {
    DRKIT_ASSIGN(auto growing, inner()->grow(ctx, key));
    return std::unique_ptr<GrowingObject>(std::make_unique<ThrottledGrowth>(std::move(growing), buckets_));
  }

  Result<void> remove(const Context& ctx, std::string_view key) override { return inner()->remove(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner()->list(ctx, prefix, visit);
  }

 private:
  StoragePtr around(StoragePtr other) const override {
    return std::make_shared<ThrottledStorage>(std::move(other), buckets_);
  }

  static Result<void> pay(Bucket& bucket, const Context& ctx, std::string_view key, std::uint64_t bytes) {
    auto paid = bucket.take(ctx, bytes);
    if (!paid) return std::move(paid).error().with("key", std::string(key));
    return {};
  }

  const std::shared_ptr<Buckets> buckets_;
};

}  // namespace

StoragePtr with_throttle(StoragePtr inner, ThrottleOptions options) {
  return std::make_shared<ThrottledStorage>(std::move(inner), std::make_shared<Buckets>(options));
}

}  // namespace drkit
