// ProgressMeter: at most about ten events a second, and cancels when the caller says so.
#pragma once

#include <chrono>
#include <mutex>
#include <string_view>

#include <drkit/context.hpp>

namespace drkit::engine {

/// Thread-safety: any thread, after set_total.
class ProgressMeter {
 public:
  ProgressMeter(const Context& ctx, std::string_view phase) : ctx_(ctx) { event_.phase = phase; }

  void set_total(std::uint64_t bytes, std::uint64_t items = 0) {
    event_.bytes_total = bytes;
    event_.items_total = items;
  }
  void advance(std::string_view item, std::uint64_t bytes, std::uint64_t stored) {
    const std::lock_guard lock(mutex_);
    event_.bytes_done += bytes;
    event_.bytes_stored = stored;
    send(item, false);
  }
  void entry_done(std::string_view item) {
    const std::lock_guard lock(mutex_);
    ++event_.items_done;
    send(item, false);
  }
  void finish(std::uint64_t stored) {
    const std::lock_guard lock(mutex_);
    event_.bytes_stored = stored;
    send({}, true);
  }

 private:
  void send(std::string_view item, bool last) {
    if (ctx_.progress == nullptr) return;
    const auto now = ctx_.clock->steady();
    if (!last && now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    event_.item = item;
    if (!ctx_.progress->on_event(event_)) CancelToken(ctx_.cancel).cancel();
  }

  const Context& ctx_;
  std::mutex mutex_;
  ProgressEvent event_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace drkit::engine
