// WarningLog: what a context is told in warnings.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include <drkit/context.hpp>

namespace drkit::testing {

class WarningLog final : public LogSink {
 public:
  void log(LogLevel level, std::string_view message) noexcept override {
    const std::lock_guard lock(mutex_);
    if (level == LogLevel::warning) lines_.emplace_back(message);
  }
  /// A context that logs here. Ownership: borrows this.
  Context context() {
    Context ctx;
    ctx.log = this;
    return ctx;
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  bool names(const std::string& text) const {
    const std::vector<std::string> all = lines();
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace drkit::testing
