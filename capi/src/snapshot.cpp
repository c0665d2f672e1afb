// Snapshots and lists of them.
#include <drkit/report.hpp>

#include "handles.hpp"

struct drk_snapshot_list {
  std::vector<std::unique_ptr<drk_snapshot>> snapshots;
  struct Damaged {
    std::string id;
    std::string message;
  };
  std::vector<Damaged> damaged;
};

namespace {
std::vector<drk_pair> pairs_of(const std::map<std::string, std::string>& map) {
  std::vector<drk_pair> pairs;
  pairs.reserve(map.size());
  for (const auto& [key, value] : map) pairs.push_back({key.c_str(), value.c_str()});
  return pairs;
}
drk_pair pair_at(const std::vector<drk_pair>& pairs, size_t index) {
  return index < pairs.size() ? pairs[index] : drk_pair{nullptr, nullptr};
}
}  // namespace

drk_snapshot::drk_snapshot(drkit::Snapshot snapshot)
    : value(std::move(snapshot)), tags(pairs_of(value.tags)), receipt(pairs_of(value.receipt)) {}

namespace drkit::capi {

static_assert(DRK_RESULT_COMPLETE == static_cast<int>(Status::complete) &&
              DRK_RESULT_PARTIAL == static_cast<int>(Status::partial) &&
              DRK_RESULT_FAILED == static_cast<int>(Status::failed));

Result<void> fill_problem(const std::vector<Problem>& problems, std::size_t index, drk_problem* out) {
  if (index >= problems.size()) return invalid("index is past the end");
  const Problem& problem = problems[index];
  return fill_struct(out, drk_problem{sizeof(drk_problem), static_cast<drk_status>(problem.code), problem.path.c_str(),
                                      problem.message.c_str()});
}

Result<Snapshot> find_snapshot(const Context& ctx, const drk_repository* repository, const char* name) {
  DRKIT_TRY(require(repository, "repository"));
  DRKIT_TRY(require(name, "snapshot"));
  return repository->repository.find_snapshot(ctx, name);
}

}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_snapshots_list(const drk_context* ctx, const drk_repository* repository,
                              const drk_snapshot_filter* filter, drk_snapshot_list** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_ASSIGN(const auto given, copy_options(filter, drk_snapshot_filter(DRK_SNAPSHOT_FILTER_INIT)));
    drkit::SnapshotFilter chosen;
    DRKIT_ASSIGN(chosen.tags, text_map(given.tags, given.tag_count, "tags"));
    chosen.source = text_or(given.source);
    std::vector<drkit::DamagedSnapshot> damaged;
    DRKIT_ASSIGN(auto snapshots,
                 repository->repository.snapshots(context, chosen, given.take_damaged != 0 ? &damaged : nullptr));
    auto list = std::make_unique<drk_snapshot_list>();
    for (auto& snapshot : damaged) list->damaged.push_back({std::move(snapshot.id), snapshot.error.to_string()});
    for (auto& snapshot : snapshots) list->snapshots.push_back(std::make_unique<drk_snapshot>(std::move(snapshot)));
    *out = list.release();
    return {};
  });
}

size_t drk_snapshot_list_count(const drk_snapshot_list* list) { return list == nullptr ? 0 : list->snapshots.size(); }
const drk_snapshot* drk_snapshot_list_at(const drk_snapshot_list* list, size_t index) {
  return index < drk_snapshot_list_count(list) ? list->snapshots[index].get() : nullptr;
}
size_t drk_snapshot_list_damaged_count(const drk_snapshot_list* list) {
  return list == nullptr ? 0 : list->damaged.size();
}
const char* drk_snapshot_list_damaged_id(const drk_snapshot_list* list, size_t index) {
  return index < drk_snapshot_list_damaged_count(list) ? list->damaged[index].id.c_str() : nullptr;
}
const char* drk_snapshot_list_damaged_message(const drk_snapshot_list* list, size_t index) {
  return index < drk_snapshot_list_damaged_count(list) ? list->damaged[index].message.c_str() : nullptr;
}
void drk_snapshot_list_free(drk_snapshot_list* list) { delete list; }

drk_status drk_repository_find_snapshot(const drk_context* ctx, const drk_repository* repository, const char* name,
                                        drk_snapshot** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_ASSIGN(auto snapshot, find_snapshot(context, repository, name));
    *out = new drk_snapshot(std::move(snapshot));
    return {};
  });
}

drk_status drk_forget(const drk_context* ctx, drk_repository* repository, const char* snapshot, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_TRY(require(snapshot, "snapshot"));
    DRKIT_ASSIGN(const std::string id, repository->repository.find_snapshot_id(context, snapshot));
    return repository->repository.forget(context, id);
  });
}

const char* drk_snapshot_id(const drk_snapshot* snapshot) {
  return snapshot == nullptr ? "" : snapshot->value.id.c_str();
}
drk_result_status drk_snapshot_status(const drk_snapshot* snapshot) {
  return snapshot == nullptr ? DRK_RESULT_FAILED : static_cast<drk_result_status>(snapshot->value.status);
}
int64_t drk_snapshot_time_ns(const drk_snapshot* snapshot) { return snapshot == nullptr ? 0 : snapshot->value.time_ns; }
const char* drk_snapshot_source_kind(const drk_snapshot* snapshot) {
  return snapshot == nullptr ? "" : snapshot->value.source_kind.c_str();
}
const char* drk_snapshot_source_name(const drk_snapshot* snapshot) {
  return snapshot == nullptr ? "" : snapshot->value.source_name.c_str();
}
const char* drk_snapshot_host(const drk_snapshot* snapshot) {
  return snapshot == nullptr ? "" : snapshot->value.host.c_str();
}
size_t drk_snapshot_tag_count(const drk_snapshot* snapshot) { return snapshot == nullptr ? 0 : snapshot->tags.size(); }
drk_pair drk_snapshot_tag(const drk_snapshot* snapshot, size_t index) {
  return snapshot == nullptr ? drk_pair{nullptr, nullptr} : pair_at(snapshot->tags, index);
}
size_t drk_snapshot_receipt_count(const drk_snapshot* snapshot) {
  return snapshot == nullptr ? 0 : snapshot->receipt.size();
}
drk_pair drk_snapshot_receipt(const drk_snapshot* snapshot, size_t index) {
  return snapshot == nullptr ? drk_pair{nullptr, nullptr} : pair_at(snapshot->receipt, index);
}

drk_status drk_snapshot_stats(const drk_snapshot* snapshot, drk_backup_stats* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(snapshot, "snapshot"));
    const drkit::BackupStats& stats = snapshot->value.stats;
    return fill_struct(
        out, drk_backup_stats{sizeof(drk_backup_stats), 0, stats.entries, stats.files, stats.files_unchanged,
                              stats.bytes, stats.bytes_read, stats.bytes_new, stats.bytes_stored, stats.chunks,
                              stats.chunks_new, stats.problems, stats.duration_ns});
  });
}

size_t drk_snapshot_problem_count(const drk_snapshot* snapshot) {
  return snapshot == nullptr ? 0 : snapshot->value.problems.size();
}
drk_status drk_snapshot_problem(const drk_snapshot* snapshot, size_t index, drk_problem* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(snapshot, "snapshot"));
    return fill_problem(snapshot->value.problems, index, out);
  });
}

drk_status drk_snapshot_to_json(const drk_snapshot* snapshot, drk_buffer** out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_TRY(require(snapshot, "snapshot"));
    return give_buffer(out, drkit::to_json(snapshot->value));
  });
}

void drk_snapshot_free(drk_snapshot* snapshot) { delete snapshot; }

}  // extern "C"
