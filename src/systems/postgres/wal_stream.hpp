// The replication protocol of the write-ahead log: START_REPLICATION and what goes with it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "systems/postgres/connection.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

struct ServerIdentity {
  std::uint64_t system_id = 0;
  TimelineId timeline = 0;
  Lsn flushed = 0;
  std::uint64_t segment_bytes = 0;
};

/// A timeline that ended, and the one that goes on.
struct NextTimeline {
  TimelineId timeline = 0;
  Lsn start = 0;
};

struct StreamEvent {
  enum class Kind : std::uint8_t { data, keepalive, quiet, timeline_end } kind = Kind::quiet;
  Lsn start = 0;              ///< data
  ByteView bytes;             ///< data; valid until the next call
  bool reply_wanted = false;  ///< keepalive
  bool woken = false;         ///< quiet, because wake_fd is readable
};

/// Parses one message of the copy. Errors: corrupt.
Result<StreamEvent> parse_stream_message(ByteView message);
/// What a standby says about itself: positions and time.
Bytes encode_standby_status(Lsn written, Lsn flushed, std::int64_t wall_ns, bool reply_wanted);

/// Thread-safety: one thread at a time.
class WalStream {
 public:
  static Result<std::unique_ptr<WalStream>> open(const Context& ctx, const ConnectionParameters& parameters,
                                                 const std::string& application_name,
                                                 std::chrono::milliseconds timeout);

  Result<ServerIdentity> identify(const Context& ctx);
  /// The slot's restart position; null when there is no such slot; 0 when it reserves nothing.
  Result<std::optional<Lsn>> slot_position(const Context& ctx, const std::string& slot);
  Result<void> create_slot(const Context& ctx, const std::string& slot);
  Result<void> drop_slot(const Context& ctx, const std::string& slot);
  /// Text of a history file.
  Result<std::string> history(const Context& ctx, TimelineId timeline);
  /// False when the timeline ends right there: next_timeline() follows.
  Result<bool> start(const Context& ctx, const std::string& slot, Lsn from, TimelineId timeline);
  /// Waits for a message, for wake_fd to be readable, or for the time; the last two are quiet.
  Result<StreamEvent> next(const Context& ctx, int wake_fd, std::chrono::milliseconds wait);
  Result<void> reply(const Context& ctx, Lsn written, Lsn flushed);
  /// After timeline_end: ends the copy.
  Result<NextTimeline> next_timeline(const Context& ctx);

 private:
  explicit WalStream(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Error copy_failed(const Context& ctx);
  Result<StreamEvent> end_of_copy(const Context& ctx);
  Result<void> flush(const Context& ctx);

  std::unique_ptr<Connection> connection_;
  CopyMessage message_;
  ResultPtr ended_;  ///< of a copy that ended, or of a start that had nothing to send
};

/// A name as the protocol takes it. Errors: invalid_argument when a slot cannot be called so.
Result<void> check_slot_name(const std::string& slot);

/// Errors: unsupported when a segment would not fit into an object.
Result<void> check_segment_size(std::uint64_t bytes);

}  // namespace drkit::systems::postgres
