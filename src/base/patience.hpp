// repeat_briefly: a few tries of what no retrying storage stands around: opening one, and what only one kind can do.
#pragma once

#include <algorithm>
#include <chrono>

#include <drkit/context.hpp>
#include <drkit/result.hpp>

#include "base/told_causes.hpp"

namespace drkit::base {

/// Calls until it succeeds or fails for good, at most `attempts` times and never more than four: the waits come to less
/// than two seconds. The first failure is told in the log, later ones when their cause is another.
template <class Call>
auto repeat_briefly(const Context& ctx, unsigned attempts, Call call) -> decltype(call()) {
  constexpr unsigned kMost = 4;
  std::chrono::milliseconds wait{250};
  ToldCauses told;
  for (unsigned attempt = 1;; ++attempt, wait *= 2) {
    auto done = call();
    if (done || !done.error().retryable() || attempt >= std::min(attempts, kMost)) return done;
    told.tell(ctx, done.error());
    DRKIT_TRY(ctx.clock->sleep_for(wait, ctx.cancel));
  }
}

}  // namespace drkit::base
