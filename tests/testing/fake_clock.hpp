// FakeClock: time that passes only by sleeping, so that waits are exact and cost nothing.
#pragma once

#include <chrono>
#include <mutex>
#include <vector>

#include <drkit/context.hpp>

namespace drkit::testing {

class FakeClock final : public Clock {
 public:
  std::int64_t wall_ns() const override {
    const std::lock_guard lock(mutex_);
    return start_wall_ns_ + passed_.count();
  }
  std::chrono::steady_clock::time_point steady() const override {
    const std::lock_guard lock(mutex_);
    return std::chrono::steady_clock::time_point(std::chrono::hours(1) + passed_);
  }
  Result<void> sleep_for(std::chrono::nanoseconds duration, const CancelToken& cancel) override {
    if (cancel.cancelled()) return Error(ErrorCode::cancelled, "cancelled by the caller");
    const std::lock_guard lock(mutex_);
    passed_ += duration;
    sleeps_.push_back(duration);
    return {};
  }

  void set_wall_ns(std::int64_t wall_ns) { start_wall_ns_ = wall_ns; }
  std::vector<std::chrono::nanoseconds> sleeps() const {
    const std::lock_guard lock(mutex_);
    return sleeps_;
  }
  std::chrono::nanoseconds passed() const {
    const std::lock_guard lock(mutex_);
    return passed_;
  }

 private:
  mutable std::mutex mutex_;
  std::int64_t start_wall_ns_ = 1'700'000'000'000'000'000;
  std::chrono::nanoseconds passed_{0};
  std::vector<std::chrono::nanoseconds> sleeps_;
};

}  // namespace drkit::testing
