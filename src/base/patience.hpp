// repeat_briefly: a few tries of what no retrying storage stands around: opening one, and what only one kind can do.
#pragma once

#include <algorithm>
#include <chrono>

#include <drkit/context.hpp>
#include <drkit/result.hpp>

namespace drkit::base {

/// Calls until it succeeds or fails for good, at most `attempts` times and never more than four: whoever opens a
/// storage is told within two seconds that nobody is there.
template <class Call>
auto repeat_briefly(const Context& ctx, unsigned attempts, Call call) -> decltype(call()) {
  constexpr unsigned kMost = 4;
  std::chrono::milliseconds wait{250};
  for (unsigned attempt = 1;; ++attempt, wait *= 2) {
    auto done = call();
    if (done || !done.error().retryable() || attempt >= std::min(attempts, kMost)) return done;
    ctx.write_log(LogLevel::warning, "a call is repeated: " + done.error().to_string());
    DRKIT_TRY(ctx.clock->sleep_for(wait, ctx.cancel));
  }
}

}  // namespace drkit::base
