// gaps: what is known to be missing or wrong on which copy.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <drkit/storage.hpp>

namespace drkit::storage::mirror {

enum class GapKind : std::uint8_t {
  missing,
  suspect,   ///< the copies differ; nobody has looked yet which of them is right
  damaged,   ///< the bytes are not those that the key names
  outdated,  ///< the others took a put that this one did not
  leftover,  ///< the others removed it
  away,      ///< the copy cannot be asked; the key is empty
};

struct Gap {
  MirrorGap shown;
  GapKind kind = GapKind::missing;
};

/// Thread-safety: every member may be called concurrently.
class Gaps {
 public:
  void note(const Context& ctx, std::string_view key, std::size_t copy, GapKind kind, std::string reason,
            LogLevel level = LogLevel::warning) {
    ctx.write_log(level, "copy " + std::to_string(copy + 1) + " of the mirror: " + std::string(key) +
                             (key.empty() ? "" : ": ") + reason);
    const bool damaged = kind == GapKind::suspect || kind == GapKind::damaged || kind == GapKind::outdated;
    const std::lock_guard lock(mutex_);
    gaps_.insert_or_assign({std::string(key), copy}, Gap{{std::string(key), copy, std::move(reason), damaged}, kind});
  }
  void closed(const std::string& key, std::size_t copy) {
    const std::lock_guard lock(mutex_);
    gaps_.erase({key, copy});
  }
  void forget_key(const std::string& key) {
    const std::lock_guard lock(mutex_);
    gaps_.erase(gaps_.lower_bound({key, 0}), gaps_.upper_bound({key, static_cast<std::size_t>(-1)}));
  }
  bool has(const std::string& key, std::size_t copy) const {
    const std::lock_guard lock(mutex_);
    return gaps_.contains({key, copy});
  }
  bool has(const std::string& key, std::size_t copy, GapKind kind) const {
    const std::lock_guard lock(mutex_);
    const auto found = gaps_.find({key, copy});
    return found != gaps_.end() && found->second.kind == kind;
  }
  std::vector<Gap> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Gap> list;
    for (const auto& [where, gap] : gaps_) list.push_back(gap);
    return list;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::size_t>, Gap> gaps_;
};

}  // namespace drkit::storage::mirror
