// screen: what people see on standard error while a command runs: a progress bar, and warnings that do not tear it.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include <drkit/context.hpp>

namespace cli {

enum class BarMode { automatic, always, never };

/// Thread-safety: every member may be called from any thread.
class Screen final : public drkit::Progress, public drkit::LogSink {
 public:
  /// automatic: a bar when standard error is a terminal. always, without a terminal: a line a second.
  void configure(BarMode mode, bool quiet);
  bool on_event(const drkit::ProgressEvent& event) noexcept override;
  void log(drkit::LogLevel level, std::string_view message) noexcept override;
  /// Writes one line to standard error, above the bar.
  void line(std::string_view text) noexcept;
  /// Takes the bar away.
  void clear() noexcept;

 private:
  using Moment = std::chrono::steady_clock::time_point;

  void draw(const drkit::ProgressEvent& event, Moment now);
  void erase();
  double rate_at(std::uint64_t bytes, Moment now);

  std::mutex mutex_;
  bool shown_ = false;     ///< progress is wanted at all
  bool terminal_ = false;  ///< it can be drawn over
  bool quiet_ = false;
  bool drawn_ = false;
  std::string phase_;
  Moment begun_{};
  Moment drawn_at_{};
  Moment rated_at_{};
  std::uint64_t rated_bytes_ = 0;
  double rate_ = 0;
};

/// The text of the bar for a width in columns. Separate, so that it can be looked at without a terminal.
std::string bar_text(const drkit::ProgressEvent& event, double bytes_per_second, double seconds, std::size_t columns);

}  // namespace cli
