// The write-ahead log for C: files of it, and a running server.
#include <drkit/wal_files.hpp>
#include <drkit/wal_receive.hpp>

#include "handles.hpp"

namespace drkit::capi {
namespace {

static_assert(DRK_WAL_SEGMENT == static_cast<int>(WalKind::segment) &&
              DRK_WAL_PARTIAL == static_cast<int>(WalKind::partial) &&
              DRK_WAL_PIECE == static_cast<int>(WalKind::piece) &&
              DRK_WAL_HISTORY == static_cast<int>(WalKind::history) &&
              DRK_WAL_LABEL == static_cast<int>(WalKind::label) && DRK_WAL_GAP == static_cast<int>(WalKind::gap));
static_assert(DRK_WAL_DURABLE_STORAGE == static_cast<int>(WalDurable::storage) &&
              DRK_WAL_DURABLE_SPOOL == static_cast<int>(WalDurable::spool));

// Two repositories that share a folder must not take each other's marks for their own.
Result<WalSpool> spool_of(const char* directory, const char* name) {
  WalSpool spool{text_or(directory), text_or(name)};
  if (!spool.directory.empty() && spool.repository.empty()) return invalid("a spool needs the repository's name");
  return spool;
}

std::optional<std::uint64_t> optional_id(std::uint64_t system_id) {
  return system_id == 0 ? std::nullopt : std::optional(system_id);
}

Result<WalPushOptions> push_options_of(const drk_wal_push_options* options) {
  DRKIT_ASSIGN(const auto given, copy_options(options, drk_wal_push_options(DRK_WAL_PUSH_OPTIONS_INIT)));
  WalPushOptions chosen;
  DRKIT_ASSIGN(chosen.spool, spool_of(given.spool_directory, given.spool_name));
  chosen.spool.repository_id = text_or(given.repository_id);
  chosen.batch = given.batch;
  chosen.system_id = optional_id(given.system_id);
  return chosen;
}

Result<WalGetOptions> get_options_of(const drk_wal_get_options* options) {
  DRKIT_ASSIGN(const auto given, copy_options(options, drk_wal_get_options(DRK_WAL_GET_OPTIONS_INIT)));
  WalGetOptions chosen;
  DRKIT_ASSIGN(chosen.spool, spool_of(given.spool_directory, given.spool_name));
  chosen.prefetch = given.prefetch;
  chosen.system_id = optional_id(given.system_id);
  chosen.up_to_damage = given.up_to_damage != 0;
  return chosen;
}

Result<std::chrono::milliseconds> time_of(std::int64_t nanoseconds, std::string_view name) {
  if (nanoseconds <= 0) return invalid(std::string(name) + " must be more than nothing");
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(nanoseconds));
  return rounded;
}

Result<WalReceiveOptions> receive_options_of(const drk_wal_receive_options* options) {
  DRKIT_ASSIGN(const auto given, copy_options(options, drk_wal_receive_options(DRK_WAL_RECEIVE_OPTIONS_INIT)));
  if (given.durable != DRK_WAL_DURABLE_STORAGE && given.durable != DRK_WAL_DURABLE_SPOOL) {
    return invalid("unknown value of durable");
  }
  WalReceiveOptions chosen;
  chosen.slot = text_or(given.slot);
  chosen.create_slot = given.no_create_slot == 0;
  chosen.synchronous = given.synchronous != 0;
  chosen.durable = static_cast<WalDurable>(given.durable);
  chosen.spool_directory = text_or(given.spool_directory);
  DRKIT_ASSIGN(chosen.store_every, time_of(given.store_every_ns, "store_every_ns"));
  DRKIT_ASSIGN(chosen.connect_timeout, time_of(given.connect_timeout_ns, "connect_timeout_ns"));
  chosen.application_name = text_or(given.application_name, chosen.application_name);
  chosen.reconnect = given.no_reconnect == 0;
  chosen.until_lsn = given.until_lsn;
  chosen.store_bytes = given.store_bytes;
  chosen.spool_bytes = given.spool_bytes;
  return chosen;
}

drk_wal_object view_of(const WalObject& object) {
  drk_wal_object view = DRK_WAL_OBJECT_INIT;
  view.kind = static_cast<std::int32_t>(object.name.kind);
  view.system_id = object.name.system_id;
  view.timeline = object.name.timeline;
  view.damaged = object.damaged ? 1 : 0;
  view.start_lsn = object.name.start;
  view.end_lsn = object.name.end;
  view.stored_bytes = object.stored_bytes;
  view.modified_ns = object.modified_ns;
  return view;
}

drk_wal_received view_of(const WalReceived& received) {
  return {sizeof(drk_wal_received), received.timeline, received.system_id,   received.stored_lsn,    received.segments,
          received.pieces,          received.gaps,     received.connections, received.unstored_bytes};
}

Result<void> set_flag(int* out, bool value) {
  DRKIT_TRY(require(out, "the out parameter"));
  *out = value ? 1 : 0;
  return {};
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_wal_list(const drk_context* ctx, const drk_repository* repository, uint64_t system_id,
                        drk_wal_object_fn visit, void* user_data, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    if (visit == nullptr) return invalid("visit is null");
    const drkit::WalArchive archive(repository->repository);
    DRKIT_ASSIGN(const auto objects, archive.list(context, optional_id(system_id)));
    for (const drkit::WalObject& object : objects) {
      const drk_wal_object view = view_of(object);
      if (visit(&view, user_data) != 0) break;
    }
    return {};
  });
}

drk_status drk_wal_was_pushed(const char* path, const drk_wal_push_options* options, int* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(set_flag(out, false));
    DRKIT_TRY(require(path, "path"));
    DRKIT_ASSIGN(const auto chosen, push_options_of(options));
    DRKIT_ASSIGN(const bool done, drkit::wal_was_pushed(path, chosen.spool));
    return set_flag(out, done);
  });
}

drk_status drk_wal_push(const drk_context* ctx, const drk_repository* repository, const char* path,
                        const drk_wal_push_options* options, drk_wal_pushed* out, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_TRY(require(path, "path"));
    DRKIT_ASSIGN(const auto chosen, push_options_of(options));
    const drkit::WalArchive archive(repository->repository);
    DRKIT_ASSIGN(const auto pushed, drkit::push_wal(context, archive, path, chosen));
    if (out == nullptr) return {};
    const bool was_there = pushed.outcome == drkit::WalPut::was_there;
    return fill_struct(out, drk_wal_pushed{sizeof(drk_wal_pushed), was_there ? 1U : 0U, pushed.more, 0});
  });
}

drk_status drk_wal_take_prefetched(const char* file_name, const char* destination, const drk_wal_get_options* options,
                                   int* out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(set_flag(out, false));
    DRKIT_TRY(require(file_name, "file_name"));
    DRKIT_TRY(require(destination, "destination"));
    DRKIT_ASSIGN(const auto chosen, get_options_of(options));
    DRKIT_ASSIGN(const bool taken, drkit::take_prefetched_wal(file_name, destination, chosen.spool, chosen.system_id));
    return set_flag(out, taken);
  });
}

drk_status drk_wal_get(const drk_context* ctx, const drk_repository* repository, const char* file_name,
                       const char* destination, const drk_wal_get_options* options, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_TRY(require(file_name, "file_name"));
    DRKIT_TRY(require(destination, "destination"));
    DRKIT_ASSIGN(const auto chosen, get_options_of(options));
    return drkit::get_wal(context, drkit::WalArchive(repository->repository), file_name, destination, chosen);
  });
}

drk_status drk_wal_receive(const drk_context* ctx, const drk_repository* repository, const char* conninfo,
                           const drk_wal_receive_options* options, drk_wal_received* out, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(repository, "repository"));
    DRKIT_TRY(require(conninfo, "conninfo"));
    DRKIT_ASSIGN(const auto chosen, receive_options_of(options));
    const drkit::WalArchive archive(repository->repository);
    DRKIT_ASSIGN(const auto received, drkit::receive_wal(context, archive, conninfo, chosen));
    return out == nullptr ? drkit::Result<void>() : fill_struct(out, view_of(received));
  });
}

}  // extern "C"
