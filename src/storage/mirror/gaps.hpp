// gaps: what is known to be missing on which copy.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <drkit/storage.hpp>

namespace drkit::storage::mirror {

/// Thread-safety: every member may be called concurrently.
class Gaps {
 public:
  void note(const Context& ctx, MirrorGap gap) {
    const char* const what = gap.damaged ? " has a doubtful " : " lacks ";
    ctx.write_log(LogLevel::warning, "copy " + std::to_string(gap.copy) + what + gap.key + ": " + gap.reason);
    const std::lock_guard lock(mutex_);
    gaps_.insert_or_assign({gap.key, gap.copy}, std::move(gap));
  }
  /// A reason that is known better now.
  void explain(const MirrorGap& gap) {
    const std::lock_guard lock(mutex_);
    if (const auto found = gaps_.find({gap.key, gap.copy}); found != gaps_.end()) found->second.reason = gap.reason;
  }
  void closed(const std::string& key, std::size_t copy) {
    const std::lock_guard lock(mutex_);
    gaps_.erase({key, copy});
  }
  void forget_key(const std::string& key) {
    const std::lock_guard lock(mutex_);
    gaps_.erase(gaps_.lower_bound({key, 0}), gaps_.upper_bound({key, static_cast<std::size_t>(-1)}));
  }
  std::vector<MirrorGap> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<MirrorGap> list;
    for (const auto& [where, gap] : gaps_) list.push_back(gap);
    return list;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::size_t>, MirrorGap> gaps_;
};

}  // namespace drkit::storage::mirror
