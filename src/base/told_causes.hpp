// told_causes: why calls are repeated, told once and not at every repeat.
#pragma once

#include <chrono>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <string_view>

#include <drkit/context.hpp>
#include <drkit/result.hpp>

namespace drkit::base {

constexpr std::string_view kRepeatPrefix = "a storage call is repeated: ";

/// The line for people: what happened and where, without what differs from call to call (key, number, request).
inline std::string repeat_line(const Error& error) {
  Error same(error.code(), error.message());
  for (const auto& [name, value] : error.context()) {
    const bool same_for_all = name == "host" || name == "reason" || name == "status" || name == "server_code";
    if (!same_for_all) continue;
    // Assigning what `with` answers to the error itself would move it onto itself.
    Error longer = std::move(same).with(name, value);
    same = std::move(longer);
  }
  return std::string(kRepeatPrefix) + same.to_string();
}

/// Writes a cause to the log when it is not the one before, or when that is long ago.
/// Thread-safety: every member may be called concurrently.
class ToldCauses {
 public:
  ToldCauses() = default;
  /// `line`: what somebody else has told just now; "": nothing.
  ToldCauses(std::string line, std::chrono::steady_clock::time_point now) : line_(std::move(line)), seen_(now) {}

  void tell(const Context& ctx, const Error& error) {
    constexpr auto kLongAgo = std::chrono::minutes(1);
    std::string line = repeat_line(error);
    const auto now = ctx.clock->steady();
    {
      const std::lock_guard lock(mutex_);
      const bool known = line == line_ && now - seen_ < kLongAgo;
      seen_ = now;
      if (known) return;
      line_ = line;
    }
    ctx.write_log(LogLevel::warning, line);
  }

 private:
  std::mutex mutex_;
  std::string line_;
  std::chrono::steady_clock::time_point seen_;
};

/// Passes log lines on, none twice, and remembers the last repeat that was told: for the few lines of an opening.
class RepeatLog final : public LogSink {
 public:
  explicit RepeatLog(LogSink* sink) : sink_(sink) {}
  void log(LogLevel level, std::string_view message) noexcept override {
    try {
      if (!passed_.emplace(message).second) return;
      if (message.starts_with(kRepeatPrefix)) line_ = message;
    } catch (const std::bad_alloc&) {
      line_.clear();  // then it is told twice
    }
    if (sink_ != nullptr) sink_->log(level, message);
  }
  const std::string& line() const { return line_; }

 private:
  LogSink* const sink_;
  std::set<std::string, std::less<>> passed_;
  std::string line_;
};

}  // namespace drkit::base
