// FindingList: findings of several threads, the first ten thousand kept and all counted.
#pragma once

#include <mutex>

#include <drkit/check.hpp>

namespace drkit::engine {

inline constexpr std::size_t kKeptFindings = 10'000;

/// Thread-safety: any thread.
class FindingList {
 public:
  explicit FindingList(Report& report) : report_(report) {}
  void add(Finding finding) {
    const std::lock_guard lock(mutex_);
    if (report_.findings.size() < kKeptFindings) {
      report_.findings.push_back(std::move(finding));
    } else {
      ++report_.findings_left_out;
    }
  }
  /// So many more that nobody keeps.
  void leave_out(std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    report_.findings_left_out += count;
  }

 private:
  std::mutex mutex_;
  Report& report_;
};

/// Whether a name belongs to the sample: the same names for the same percentage, on every machine.
bool sampled(std::string_view name, unsigned percent);

/// Reads every object below a prefix and compares it with its name or checksum; findings go to the list.
Result<CheckRun> run_object_check(const Context& ctx, Storage& storage, std::string_view prefix, unsigned percent,
                                  unsigned threads, FindingList& findings);

/// The same for every copy below the storage (storage_copies()); findings name the copy, also which lacks an object.
Result<CheckRun> run_copies_check(const Context& ctx, Storage& storage, std::string_view prefix, unsigned percent,
                                  unsigned threads, FindingList& findings);

/// Opens every pack listed by the index: directory, frames, chunks.
Result<CheckRun> run_pack_check(const Context& ctx, const std::shared_ptr<Repository::Impl>& impl, unsigned percent,
                                FindingList& findings);

}  // namespace drkit::engine
