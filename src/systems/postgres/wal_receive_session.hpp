// One connection to a server whose log is received.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <drkit/wal_receive.hpp>

#include "systems/postgres/wal_intake.hpp"
#include "systems/postgres/wal_resume.hpp"
#include "systems/postgres/wal_stream.hpp"

namespace drkit::systems::postgres {

/// What outlives a connection.
struct ReceiveState {
  WalReceived received;
  Lsn came = 0;  ///< the end of what came over any connection
  /// With a spool: goes on while the server is away, so that no connection waits for the storage.
  std::optional<WalIntake> intake;
  bool told_full = false;  ///< that the spool is full was said, and it has not been empty since
};

/// Ends the intake, if there is one, and counts what it did. Errors: as WalIntake::finish.
Result<void> settle(ReceiveState& state, bool at_once);

/// Whether another connection may do better.
bool passes_by_itself(const Error& error);
/// Whether the server said that it no longer has what was asked for.
bool is_log_gone(const Error& error);

/// From IDENTIFY_SYSTEM to the loss of the connection. Thread-safety: one thread.
class Session {
 public:
  Session(const Context& ctx, const WalArchive& archive, const ConnectionParameters& parameters,
          const WalReceiveOptions& options, ReceiveState& state, int wake_fd)
      : ctx_(ctx),
        archive_(archive),
        parameters_(parameters),
        options_(options),
        state_(state),
        received_(state.received),
        wake_fd_(wake_fd) {}

  /// True when until_lsn was reached. `gone`: why an earlier connection could not go on, when the server had removed
  /// what comes next.
  Result<bool> run(const std::optional<Error>& gone);

 private:
  Result<void> learn_path();
  Result<void> store_history(TimelineId timeline, const std::string& text);
  Result<void> prepare_slot();
  Result<bool> renew_slot(const Error& why);
  Result<void> find_start();
  Result<bool> start_streaming();
  Result<void> leave_gap(const Error& why);
  Result<Lsn> oldest_available();
  Result<bool> stream();
  Result<bool> stream_timeline();
  bool goes_on();
  Result<void> begin_anew(const std::optional<Error>& gone);
  Result<bool> pump();
  Result<StreamEvent> next_event();
  Result<void> take(const StreamEvent& event);
  Result<void> take_in(const StreamEvent& event);
  Result<void> move(bool quiet, bool reply);
  Result<void> report(bool now);
  bool may_outlive(const Result<bool>& done) const;
  WalIntake& intake() { return *state_.intake; }
  bool is_done(Lsn stored) const { return options_.until_lsn != 0 && stored >= options_.until_lsn; }
  void drain_wake() const {
    std::uint64_t count = 0;
    if (::read(wake_fd_, &count, sizeof count) < 0) return;
  }

  const Context& ctx_;
  const WalArchive& archive_;
  const ConnectionParameters& parameters_;
  const WalReceiveOptions& options_;
  ReceiveState& state_;
  WalReceived& received_;
  const int wake_fd_;
  std::unique_ptr<WalStream> stream_;
  ServerIdentity server_;
  Path path_;
  ResumePoint resume_;
  Lsn slot_position_ = 0;  ///< what the slot held when this began; 0: nothing
  std::chrono::steady_clock::time_point replied_{};
  Lsn reported_ = 0;
};

}  // namespace drkit::systems::postgres
