// Context: cancellation, progress, time and log, first parameter of everything that may block.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit {

/// Asks running operations to stop. Copies share one flag.
/// Thread-safety: every member may be called from any thread, cancel() also from a signal handler.
class CancelToken {
 public:
  CancelToken() : flag_(std::make_shared<std::atomic<bool>>(false)) {}
  void cancel() noexcept { flag_->store(true, std::memory_order_relaxed); }
  bool cancelled() const noexcept { return flag_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

/// Time, so that tests can be exact.
class DRKIT_API Clock {
 public:
  virtual ~Clock() = default;
  /// Units: nanoseconds since the Unix epoch, UTC.
  virtual std::int64_t wall_ns() const = 0;
  virtual std::chrono::steady_clock::time_point steady() const = 0;
  /// Sleeps; answers cancelled within 0.1 s when the token is cancelled.
  virtual Result<void> sleep_for(std::chrono::nanoseconds duration, const CancelToken& cancel) = 0;
  /// The machine's clock; lives as long as the process.
  static Clock& system();
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Takes log lines. Lines carry no secret. Thread-safety: called from any thread, one call at a time.
class DRKIT_API LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void log(LogLevel level, std::string_view message) noexcept = 0;
};

/// A moment of a running operation. Zero totals mean unknown.
struct ProgressEvent {
  std::string_view phase;        ///< "backup", "restore", "check", ...
  std::string_view item;         ///< path or object now worked on; valid during the call only
  std::uint64_t items_done = 0;  ///< entries
  std::uint64_t items_total = 0;
  std::uint64_t bytes_done = 0;  ///< plain bytes
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_stored = 0;  ///< bytes put to the storage so far
};

/// Follows a running operation. Thread-safety: calls are serialised, at most about ten a second plus the last.
class DRKIT_API Progress {
 public:
  virtual ~Progress() = default;
  /// Returns false to cancel.
  virtual bool on_event(const ProgressEvent& event) noexcept = 0;
};

struct Context {
  CancelToken cancel;
  Progress* progress = nullptr;     ///< borrowed; may be null
  Clock* clock = &Clock::system();  ///< borrowed; never null
  LogSink* log = nullptr;           ///< borrowed; may be null

  /// An error when the operation was cancelled: call it in every loop that may be long.
  Result<void> check_cancelled() const {
    if (cancel.cancelled()) return Error(ErrorCode::cancelled, "cancelled by the caller");
    return {};
  }
  /// Gives a line to the sink, one call at a time in the whole process.
  DRKIT_API void write_log(LogLevel level, std::string_view message) const;
};

}  // namespace drkit
