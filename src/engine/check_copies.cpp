// The level `objects` where a storage has several copies: each is looked at by itself, and what one lacks is damage.
#include <algorithm>
#include <map>

#include <drkit/mirror.hpp>

#include "engine/finding_list.hpp"

namespace drkit::engine {
namespace {

struct Copy {
  StoragePtr storage;
  std::string name;  ///< for findings
};
/// Keys, and the number of a copy that has them.
using Holders = std::map<std::string, std::size_t>;

class CopiesCheck {
 public:
  CopiesCheck(const Context& ctx, const std::vector<StoragePtr>& storages, FindingList& findings)
      : ctx_(ctx), findings_(findings) {
    for (std::size_t i = 0; i < storages.size(); ++i) {
      copies_.push_back({storages[i], "copy " + std::to_string(i + 1) + ", " + storages[i]->info().name});
    }
  }

  Result<CheckRun> run(std::string_view prefix, unsigned percent, unsigned threads) {
    const auto began = ctx_.clock->steady();
    DRKIT_ASSIGN(const std::vector<Holders> lacking, find_lacking(prefix, percent));
    CheckRun all{"objects", 0, 0, {}};
    for (const Copy& copy : copies_) {
      Report report;
      FindingList own(report);
      auto run = run_object_check(ctx_, *copy.storage, prefix, percent, threads, own);
      if (!run) return std::move(run).error().with("copy", copy.name);
      pass_on(copy, std::move(report));
      all.looked_at += run->looked_at;
      all.detail += (all.detail.empty() ? "" : "; ") + copy.name + ": " + run->detail;
    }
    for (std::size_t i = 0; i < copies_.size(); ++i) DRKIT_TRY(report_lacking(copies_[i], lacking[i]));
    all.duration_ns = (ctx_.clock->steady() - began).count();
    return all;
  }

 private:
  Result<std::vector<Holders>> find_lacking(std::string_view prefix, unsigned percent) {
    std::map<std::string, std::vector<bool>> objects;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      const auto listed = copies_[i].storage->list(ctx_, prefix, [&](const ObjectInfo& info) {
        if (!sampled(info.key, percent)) return true;
        auto& holders = objects[info.key];
        holders.resize(copies_.size());
        holders[i] = true;
        return true;
      });
      if (!listed) return Error(listed.error()).with("copy", copies_[i].name);
    }
    std::vector<Holders> lacking(copies_.size());
    for (const auto& [key, holders] : objects) {
      const auto holder = static_cast<std::size_t>(std::find(holders.begin(), holders.end(), true) - holders.begin());
      for (std::size_t i = 0; i < copies_.size(); ++i) {
        if (!holders[i]) lacking[i].emplace(key, holder);
      }
    }
    return lacking;
  }

  void pass_on(const Copy& copy, Report report) {
    for (Finding& finding : report.findings) {
      finding.message = copy.name + ": " + finding.message;
      findings_.add(std::move(finding));
    }
    findings_.leave_out(report.findings_left_out);
  }

  // Somebody may be writing or removing: it counts only what is still so after everything else was read.
  Result<void> report_lacking(const Copy& copy, const Holders& lacking) {
    for (const auto& [key, holder] : lacking) {
      DRKIT_ASSIGN(const bool here, has(copy, key));
      if (here) continue;
      DRKIT_ASSIGN(const bool there, has(copies_[holder], key));
      if (!there) continue;
      findings_.add(
          {Severity::damage, "object_missing", key, copy.name + ": lacks what " + copies_[holder].name + " has"});
    }
    return {};
  }

  Result<bool> has(const Copy& copy, const std::string& key) {
    DRKIT_TRY(ctx_.check_cancelled());
    const auto object = copy.storage->stat(ctx_, key);
    if (object || object.error().code() == ErrorCode::not_found) return object.ok();
    return Error(object.error()).with("copy", copy.name);
  }

  const Context& ctx_;
  FindingList& findings_;
  std::vector<Copy> copies_;
};

}  // namespace

Result<CheckRun> run_copies_check(const Context& ctx, Storage& storage, std::string_view prefix, unsigned percent,
                                  unsigned threads, FindingList& findings) {
  const std::vector<StoragePtr> copies = storage_copies(storage);
  if (copies.size() > 1) return CopiesCheck(ctx, copies, findings).run(prefix, percent, threads);
  // What a cache keeps says nothing of what the storage has.
  return run_object_check(ctx, copies.empty() ? storage : *copies.front(), prefix, percent, threads, findings);
}

}  // namespace drkit::engine
