// concurrency: an upper bound for the calls under way, whoever makes them.
#include <condition_variable>
#include <mutex>

#include <drkit/storage.hpp>

#include "storage/key.hpp"
#include "storage/layered.hpp"

namespace drkit {
namespace {

/// How many calls may still begin.
struct Places {
  explicit Places(unsigned calls) : free(calls == 0 ? 1 : calls) {}
  std::mutex mutex;
  std::condition_variable changed;
  unsigned free;
};

class LimitedStorage final : public storage::Decorator {
 public:
  LimitedStorage(StoragePtr inner, std::shared_ptr<Places> places)
      : Decorator(std::move(inner)), places_(std::move(places)) {}

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    return limited(ctx, key, [&] { return inner()->stat(ctx, key); });
  }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return limited(ctx, key, [&] { return inner()->get(ctx, key, range); });
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return limited(ctx, key, [&] { return inner()->put(ctx, key, bytes, options); });
  }
  // What is added to one is one call at a time anyway.
  Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key) override {
    return limited(ctx, key, [&] { return inner()->grow(ctx, key); });
  }
  Result<void> remove(const Context& ctx, std::string_view key) override {
    return limited(ctx, key, [&] { return inner()->remove(ctx, key); });
  }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return limited(ctx, prefix, [&] { return inner()->list(ctx, prefix, visit); });
  }

 private:
  StoragePtr around(StoragePtr other) const override {
    return std::make_shared<LimitedStorage>(std::move(other), places_);
  }

  // Given back whatever happens, also when a visitor throws.
  class Slot {
   public:
    explicit Slot(Places& places) : places_(places) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      const std::lock_guard lock(places_.mutex);
      ++places_.free;
      places_.changed.notify_one();
    }

   private:
    Places& places_;
  };

  template <class Call>
  auto limited(const Context& ctx, std::string_view key, Call call) -> decltype(call()) {
    if (auto taken = take(ctx); !taken) return std::move(taken).error().with("key", std::string(key));
    const Slot slot(*places_);
    return call();
  }

  // Nobody can wake a waiter whose context is cancelled: it looks for itself.
  Result<void> take(const Context& ctx) {
    constexpr std::chrono::milliseconds kSlice{50};
    std::unique_lock lock(places_->mutex);
    while (places_->free == 0) {
      DRKIT_TRY(ctx.check_cancelled());
      places_->changed.wait_for(lock, kSlice);
    }
    --places_->free;
    return {};
  }

  const std::shared_ptr<Places> places_;
};

}  // namespace

StoragePtr with_concurrency(StoragePtr inner, unsigned calls) {
  return std::make_shared<LimitedStorage>(std::move(inner), std::make_shared<Places>(calls));
}

}  // namespace drkit
