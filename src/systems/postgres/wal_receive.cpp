// receive: the log as the server writes it.
#include <drkit/wal_receive.hpp>

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "base/posix_file.hpp"
#include "systems/postgres/server_error.hpp"
#include "systems/postgres/wal_receive_session.hpp"

namespace drkit::systems::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{100}, kLongestPause{5000};
// A server that did not notice that a connection broke holds its slot for as long as wal_sender_timeout, a minute.
constexpr milliseconds kLongestBusy{120'000};

// A slot that another connection holds may be free soon: ours broke, and the server has yet to notice.
class BusySlot {
 public:
  /// Whether to try again after this answer.
  bool may_pass(const Error& error, steady_clock::time_point now) {
    const bool was_busy = std::exchange(busy_, has_sqlstate(error, kSlotBusy));
    if (!was_busy) since_ = now;
    return busy_ && now - since_ < kLongestBusy;
  }

 private:
  bool busy_ = false;
  steady_clock::time_point since_{};
};

// From one connection to the next.
class Receiver {
 public:
  Receiver(const Context& ctx, const WalArchive& archive, const WalReceiveOptions& options,
           const ConnectionParameters& parameters, const std::optional<SpoolFolder>& spool, int wake_fd)
      : ctx_(ctx), archive_(archive), options_(options), parameters_(parameters), spool_(spool), wake_fd_(wake_fd) {}

  Result<WalReceived> run();

 private:
  Result<bool> run_once();
  Result<void> run_all();

  const Context& ctx_;
  const WalArchive& archive_;
  const WalReceiveOptions& options_;
  const ConnectionParameters& parameters_;
  const std::optional<SpoolFolder>& spool_;
  const int wake_fd_;
  ReceiveState state_;
  std::optional<Error> gone_;
  BusySlot busy_slot_;
};

// What the spool acknowledged before goes into the repository before its files are written anew.
Result<bool> Receiver::run_once() {
  if (spool_ && !state_.intake) {
    DRKIT_TRY(store_abandoned(ctx_, archive_, *spool_));
    DRKIT_TRY(store_left_over(ctx_, archive_, spool_->path()));
  }
  const std::uint64_t gaps = state_.received.gaps;
  auto done = Session(ctx_, archive_, parameters_, options_, state_, wake_fd_).run(gone_);
  const bool in_vain = gone_.has_value() && state_.received.gaps == gaps;
  gone_.reset();
  // The server says so only in the middle of the copy; a connection of its own looks what there still is.
  if (!in_vain && !done && is_log_gone(done.error())) {
    gone_ = done.error();
    return false;
  }
  return done;
}

// Until its end, which is success, or an error that does not pass.
Result<void> Receiver::run_all() {
  for (milliseconds pause = kFirstPause;;) {
    const Lsn before = std::max(state_.received.stored_lsn, state_.came);
    const Result<bool> done = run_once();
    if (done && *done) return {};
    if (!done && done.error().code() == ErrorCode::cancelled && ctx_.cancel.cancelled()) return {};
    const bool busy = !done && busy_slot_.may_pass(done.error(), ctx_.clock->steady());
    if (!done && (!options_.reconnect || !(busy || passes_by_itself(done.error())))) return done.error();
    if (!done) ctx_.write_log(LogLevel::warning, "connecting anew: " + done.error().to_string());
    if (state_.intake) state_.came = std::max(state_.came, state_.intake->received());
    const bool progress = std::max(state_.received.stored_lsn, state_.came) > before;
    pause = progress ? kFirstPause : std::min(2 * pause, kLongestPause);
    if (!ctx_.clock->sleep_for(pause, ctx_.cancel)) return {};
  }
}

Result<WalReceived> Receiver::run() {
  const Result<void> done = run_all();
  const Result<void> settled = settle(state_, true);
  DRKIT_TRY(done);
  if (!settled && settled.error().code() != ErrorCode::cancelled) return settled.error();
  return state_.received;
}

Result<void> check_options(const WalReceiveOptions& options) {
  DRKIT_TRY(check_slot_name(options.slot));
  if (options.durable == WalDurable::spool && options.spool_directory.empty()) {
    return Error(ErrorCode::invalid_argument, "durable in a spool needs the spool's folder");
  }
  return {};
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<WalReceived> receive_wal(const Context& ctx, const WalArchive& archive, const std::string& conninfo,
                                const WalReceiveOptions& given) {
  using namespace systems::postgres;
  DRKIT_TRY(check_options(given));
  WalReceiveOptions options = given;
  DRKIT_ASSIGN(const ConnectionParameters parameters, parse_conninfo(conninfo));
  const base::UniqueFd wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake) return base::errno_error(errno, "eventfd", "");
  std::optional<SpoolFolder> spool;
  if (options.durable == WalDurable::spool) {
    DRKIT_ASSIGN(spool, SpoolFolder::open(given.spool_directory, archive.repository().id(), options.slot));
    options.spool_directory = spool->path();
  }
  return Receiver(ctx, archive, options, parameters, spool, wake.get()).run();
}

}  // namespace drkit
