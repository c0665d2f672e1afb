// run_in_parallel: independent pieces of work on several threads, the first failure ends it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <drkit/context.hpp>

#include "base/threads.hpp"

namespace drkit::engine {

/// Calls work(0) .. work(count - 1), in about that order. Errors: the first one of any call, or cancelled.
inline Result<void> run_in_parallel(const Context& ctx, unsigned threads, std::size_t count,
                                    const std::function<Result<void>(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Error> failure;
  std::atomic<bool> failed{false};
  const auto loop = [&] {
    while (!failed) {
      const std::size_t i = next++;
      if (i >= count) return;
      Result<void> result = ctx.check_cancelled();
      if (result) result = base::without_throwing([&] { return work(i); });
      if (result) continue;
      const std::lock_guard lock(mutex);
      if (!failed.exchange(true)) failure = std::move(result).error();
    }
  };
  std::vector<std::thread> helpers;
  helpers.reserve(threads);
  for (std::size_t i = 1; i < threads && i < count; ++i) {
    std::thread helper;
    if (base::start_thread(helper, loop)) helpers.push_back(std::move(helper));
  }
  loop();
  for (std::thread& helper : helpers) helper.join();
  if (failure) return std::move(*failure);
  return {};
}

}  // namespace drkit::engine
