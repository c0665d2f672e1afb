// FindingList: findings of several threads, the first ten thousand kept and all counted.
#pragma once

#include <map>
#include <mutex>
#include <tuple>

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
  /// The same thing seen in another snapshot is no other finding: it names both.
  void add(Finding finding, const std::string& snapshot) {
    const std::lock_guard lock(mutex_);
    const auto key = std::tuple(finding.severity, finding.code, finding.subject, finding.message);
    if (const auto known = places_.find(key); known != places_.end()) {
      auto& snapshots = report_.findings[known->second].snapshots;
      if (snapshots.empty() || snapshots.back() != snapshot) snapshots.push_back(snapshot);
      return;
    }
    if (report_.findings.size() >= kKeptFindings) {
      ++report_.findings_left_out;
      return;
    }
    finding.snapshots = {snapshot};
    places_.emplace(key, report_.findings.size());
    report_.findings.push_back(std::move(finding));
  }
  /// So many more that nobody keeps.
  void leave_out(std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    report_.findings_left_out += count;
  }

 private:
  std::mutex mutex_;
  Report& report_;
  std::map<std::tuple<Severity, std::string, std::string, std::string>, std::size_t> places_;  ///< of snapshots' own
};

/// Errors: invalid_argument. A sample of nothing would find nothing wrong.
Result<void> require_sample(unsigned percent);

/// Whether a name belongs to the sample: the same names for the same percentage, on every machine.
bool sampled(std::string_view name, unsigned percent);

/// Reads every object below a prefix and compares it with its name or checksum; findings go to the list.
Result<CheckRun> run_object_check(const Context& ctx, Storage& storage, std::string_view prefix, unsigned percent,
                                  unsigned threads, FindingList& findings);

/// The same for every copy below the storage (storage_copies()); findings name the copy, also which lacks an object.
Result<CheckRun> run_copies_check(const Context& ctx, Storage& storage, std::string_view prefix, unsigned percent,
                                  unsigned threads, FindingList& findings);

/// What can be told without a key of objects that must be there: a key slot, and an index and a manifest when there are
/// snapshots.
Result<void> run_presence_check(const Context& ctx, Storage& storage, FindingList& findings);

/// What the index lists against what the storage has; and, for the snapshots given, whether all chunks that they need
/// are listed in packs that are there.
Result<CheckRun> run_reference_check(const Context& ctx, const Repository& repository,
                                     const std::vector<Snapshot>& snapshots, FindingList& findings);

/// Opens every pack listed by the index: directory, frames, chunks. Packs that are not there are the reference check's.
Result<CheckRun> run_pack_check(const Context& ctx, const std::shared_ptr<Repository::Impl>& impl, unsigned percent,
                                FindingList& findings);

}  // namespace drkit::engine
