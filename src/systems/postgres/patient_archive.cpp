#include "systems/postgres/patient_archive.hpp"

#include <algorithm>
#include <chrono>

namespace drkit::systems::postgres {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100}, kLongestPause{5000};

}  // namespace

bool is_outage(const Error& error) {
  switch (error.code()) {
    case ErrorCode::unavailable:
    case ErrorCode::timeout:
    case ErrorCode::rate_limited:
    case ErrorCode::no_space:
    case ErrorCode::io:
      return true;
    default:
      return error.retryable();
  }
}

// One line when an outage begins and one when it ends, however often it is tried.
void PatientArchive::note(const Context& ctx, const Result<void>& done) {
  const std::lock_guard lock(mutex_);
  if (outage_ == !done) return;
  outage_ = !done;
  if (outage_) {
    ctx.write_log(LogLevel::warning,
                  "the storage takes no log in; what comes waits in the spool: " + done.error().to_string());
  } else {
    ctx.write_log(LogLevel::info, "the storage takes log in again");
  }
}

// Steps may be repeated: a put that was lost on its way and one that was done look the same, and are.
Result<void> PatientArchive::persist(const Context& ctx, const std::function<Result<void>()>& step) {
  for (std::chrono::milliseconds pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    const Result<void> done = step();
    const bool passes = patient_ && !done && is_outage(done.error());
    if (done || passes) note(ctx, done);
    if (!passes || !ctx.clock->sleep_for(pause, ctx.cancel)) return done;
  }
}

Result<void> PatientArchive::put(const Context& ctx, const WalName& name, ByteView bytes, const WalFacts& facts) {
  return persist(ctx, [&]() -> Result<void> {
    DRKIT_TRY(archive_.put(ctx, name, bytes, facts));
    return {};
  });
}

Result<bool> PatientArchive::same(const Context& ctx, const WalName& name, ByteView bytes) {
  bool equal = false;
  DRKIT_TRY(persist(ctx, [&]() -> Result<void> {
    DRKIT_ASSIGN(equal, archive_.same(ctx, name, bytes));
    return {};
  }));
  return equal;
}

Result<void> PatientArchive::remove_piece(const Context& ctx, const WalName& name) {
  return persist(ctx, [&] { return archive_.remove_piece(ctx, name); });
}

Result<bool> PatientArchive::is_tail_within(const Context& ctx, const WalName& first, ByteView log) {
  bool within = false;
  DRKIT_TRY(persist(ctx, [&]() -> Result<void> {
    DRKIT_ASSIGN(within, archive_.is_tail_within(ctx, first.system_id, first.timeline, first.start, log));
    return {};
  }));
  return within;
}

Result<void> PatientArchive::remove_tail(const Context& ctx, const WalName& first) {
  return persist(ctx, [&] { return archive_.remove_tail(ctx, first.system_id, first.timeline, first.start); });
}

}  // namespace drkit::systems::postgres
