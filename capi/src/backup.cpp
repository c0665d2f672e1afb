#include <drkit/backup.hpp>
#include <drkit/registry.hpp>

#include "handles.hpp"

namespace drkit::capi {
namespace {

Result<SourceOptions> source_options_of(const drk_source_options* options) {
  DRKIT_ASSIGN(const auto given, copy_options(options, drk_source_options(DRK_SOURCE_OPTIONS_INIT)));
  SourceOptions chosen;
  DRKIT_ASSIGN(chosen.excludes, text_list(given.excludes, given.exclude_count, "excludes"));
  chosen.one_file_system = given.one_file_system != 0;
  chosen.mode = text_or(given.mode, chosen.mode);
  chosen.what = text_or(given.what, chosen.what);
  chosen.max_rate_kib = given.max_rate_kib;
  DRKIT_ASSIGN(chosen.databases, text_list(given.databases, given.database_count, "databases"));
  chosen.bin_dir = text_or(given.bin_directory);
  chosen.name = text_or(given.name);
  return chosen;
}

Result<BackupOptions> backup_options_of(const drk_backup_options& given) {
  BackupOptions chosen;
  DRKIT_ASSIGN(chosen.tags, text_map(given.tags, given.tag_count, "tags"));
  chosen.parent = text_or(given.parent, chosen.parent);
  chosen.host = text_or(given.host);
  chosen.compression_level = given.compression_level;
  return chosen;
}

Result<void> run_backup(const Context& ctx, drk_repository* repository, Source& source, const drk_backup_options& given,
                        drk_snapshot** out) {
  DRKIT_TRY(require(repository, "repository"));
  DRKIT_ASSIGN(const auto chosen, backup_options_of(given));
  DRKIT_ASSIGN(auto snapshot, backup(ctx, repository->repository, source, chosen));
  *out = new drk_snapshot(std::move(snapshot));
  return {};
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_source_open(const drk_context* ctx, const char* address, const drk_source_options* options,
                           drk_source** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(address, "address"));
    DRKIT_ASSIGN(const auto chosen, source_options_of(options));
    DRKIT_ASSIGN(auto source, drkit::open_source(context, address, chosen));
    *out = new drk_source{std::move(source)};
    return {};
  });
}

void drk_source_free(drk_source* source) { delete source; }

drk_status drk_backup(const drk_context* ctx, drk_repository* repository, const char* source_address,
                      const drk_backup_options* options, drk_snapshot** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(source_address, "source_address"));
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_backup_options(DRK_BACKUP_OPTIONS_INIT)));
    DRKIT_ASSIGN(const auto source_options, source_options_of(given.source));
    DRKIT_ASSIGN(const auto source, drkit::open_source(context, source_address, source_options));
    return run_backup(context, repository, *source, given, out);
  });
}

drk_status drk_backup_source(const drk_context* ctx, drk_repository* repository, drk_source* source,
                             const drk_backup_options* options, drk_snapshot** out, drk_error** err) {
  return guard_call(ctx, out, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(source, "source"));
    if (source->source == nullptr) return drkit::Error(drkit::ErrorCode::precondition_failed, "source is used up");
    const auto used_up = std::move(source->source);
    DRKIT_ASSIGN(const auto given, copy_options(options, drk_backup_options(DRK_BACKUP_OPTIONS_INIT)));
    if (given.source != nullptr) return invalid("a source handle was opened with its own options");
    return run_backup(context, repository, *used_up, given, out);
  });
}

}  // extern "C"
