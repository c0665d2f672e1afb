#include <drkit/context.hpp>

#include <algorithm>
#include <chrono>
#include <thread>

namespace drkit {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t wall_ns() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::chrono::steady_clock::time_point steady() const override { return std::chrono::steady_clock::now(); }

  Result<void> sleep_for(std::chrono::nanoseconds duration, const CancelToken& cancel) override {
    constexpr std::chrono::nanoseconds kSlice = std::chrono::milliseconds(50);
    const auto end = steady() + duration;
    while (!cancel.cancelled()) {
      const auto left = end - steady();
      if (left <= std::chrono::nanoseconds::zero()) return {};
      std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kSlice));
    }
    return Error(ErrorCode::cancelled, "cancelled by the caller");
  }
};

}  // namespace

Clock& Clock::system() {
  static SystemClock clock;
  return clock;
}

}  // namespace drkit
