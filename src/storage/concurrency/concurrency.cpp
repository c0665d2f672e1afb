// concurrency: an upper bound for the calls under way, whoever makes them.
#include <condition_variable>
#include <mutex>

#include <drkit/storage.hpp>

#include "storage/key.hpp"

namespace drkit {
namespace {

class LimitedStorage final : public Storage {
 public:
  LimitedStorage(StoragePtr inner, unsigned calls) : inner_(std::move(inner)), free_(calls == 0 ? 1 : calls) {}

  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    return limited(ctx, key, [&] { return inner_->stat(ctx, key); });
  }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return limited(ctx, key, [&] { return inner_->get(ctx, key, range); });
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return limited(ctx, key, [&] { return inner_->put(ctx, key, bytes, options); });
  }
  Result<void> remove(const Context& ctx, std::string_view key) override {
    return limited(ctx, key, [&] { return inner_->remove(ctx, key); });
  }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return limited(ctx, prefix, [&] { return inner_->list(ctx, prefix, visit); });
  }

 private:
  // Given back whatever happens, also when a visitor throws.
  class Slot {
   public:
    explicit Slot(LimitedStorage& owner) : owner_(owner) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      const std::lock_guard lock(owner_.mutex_);
      ++owner_.free_;
      owner_.changed_.notify_one();
    }

   private:
    LimitedStorage& owner_;
  };

  template <class Call>
  auto limited(const Context& ctx, std::string_view key, Call call) -> decltype(call()) {
    if (auto taken = take(ctx); !taken) return std::move(taken).error().with("key", std::string(key));
    const Slot slot(*this);
    return call();
  }

  // Nobody can wake a waiter whose context is cancelled: it looks for itself.
  Result<void> take(const Context& ctx) {
    constexpr std::chrono::milliseconds kSlice{50};
    std::unique_lock lock(mutex_);
    while (free_ == 0) {
      DRKIT_TRY(ctx.check_cancelled());
      changed_.wait_for(lock, kSlice);
    }
    --free_;
    return {};
  }

  StoragePtr inner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned free_;
};

}  // namespace

StoragePtr with_concurrency(StoragePtr inner, unsigned calls) {
  return std::make_shared<LimitedStorage>(std::move(inner), calls);
}

}  // namespace drkit
