// Turn: a lock for work that takes long, so that whoever waits for it can be cancelled.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <drkit/context.hpp>

namespace drkit::base {

/// Held by one at a time, also while storages are asked. Thread-safety: take() from any thread.
class Turn {
 public:
  /// Ends the turn when it goes. Must not outlive the Turn.
  class Held {
   public:
    explicit Held(Turn& turn) : turn_(&turn) {}
    Held(Held&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (turn_ != nullptr) turn_->give_back();
    }

   private:
    Turn* turn_;
  };

  /// Waits for the one before. Errors: cancelled, only while it has to wait.
  Result<Held> take(const Context& ctx) {
    // Nobody wakes a waiter whose context is cancelled: it looks for itself.
    constexpr std::chrono::milliseconds kSlice{50};
    std::unique_lock lock(mutex_);
    while (taken_) {
      DRKIT_TRY(ctx.check_cancelled());
      free_.wait_for(lock, kSlice);
    }
    taken_ = true;
    return Held(*this);
  }

 private:
  void give_back() {
    const std::lock_guard lock(mutex_);
    taken_ = false;
    free_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
};

}  // namespace drkit::base
