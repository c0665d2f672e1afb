// What a restored data directory needs so that the server recovers to a target.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include <drkit/pitr.hpp>

#include "base/posix_file.hpp"
#include "base/text_file.hpp"
#include "systems/postgres/live_server.hpp"
#include "systems/postgres/log_times.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr int kReadsAhead = 15;  // the first release that does

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += c;
    result += c;
  }
  return result + "'";
}

std::string value_of(const PitrTarget& target) {
  switch (target.kind) {
    case PitrKind::time:
      return utc_text(target.time_ns);
    case PitrKind::lsn:
      return format_lsn(target.lsn);
    case PitrKind::xid:
      return std::to_string(target.xid);
    case PitrKind::name:
      return target.name;
    case PitrKind::immediate:
      return "immediate";
    case PitrKind::latest:
      return {};
  }
  return {};
}

std::string action_name(PitrAction action) {
  return action == PitrAction::pause ? "pause" : action == PitrAction::promote ? "promote" : "shutdown";
}

std::string settings_text(const PitrPlan& plan, const PitrSettings& settings, int major) {
  const PitrTarget& target = plan.target;
  std::string text = "\n# recovery by drkit\n";
  const auto set = [&](const char* name, const std::string& value) { text += name + (" = " + quoted(value)) + "\n"; };
  // The server prefers what the archive gives it to what lies in pg_wal.
  set("restore_command", plan.own_log_only ? "false" : settings.restore_command);
  if (plan.stops_before_damage && major >= kReadsAhead) set("recovery_prefetch", "off");
  // The configuration that came with the snapshot may name another target. The server takes one at a time and reads
  // these in order, so the one that counts comes last.
  const std::pair<const char*, PitrKind> kinds[] = {{"recovery_target", PitrKind::immediate},
                                                    {"recovery_target_time", PitrKind::time},
                                                    {"recovery_target_lsn", PitrKind::lsn},
                                                    {"recovery_target_xid", PitrKind::xid},
                                                    {"recovery_target_name", PitrKind::name}};
  for (const auto& [name, kind] : kinds) {
    if (kind != target.kind) set(name, "");
  }
  for (const auto& [name, kind] : kinds) {
    if (kind == target.kind) set(name, value_of(target));
  }
  set("recovery_target_inclusive", target.inclusive ? "on" : "off");
  set("recovery_target_timeline", std::to_string(plan.timeline));
  set("recovery_target_action", action_name(settings.action));
  // A recovered server begins a timeline. While nobody has said that it is the cluster from now on, that one has no
  // place beside the original's in the archive.
  if (!settings.keep_archiving) set("archive_mode", "off");
  return text;
}

// The server's owner must be able to read and remove what root writes.
Result<void> write_owned(const std::string& path, int flags, ByteView bytes, const struct stat& owner) {
  DRKIT_ASSIGN(base::UniqueFd file, base::open_file(path, O_WRONLY | O_CREAT | O_NOFOLLOW | flags, 0600));
  if (::geteuid() == 0 && ::fchown(file.get(), owner.st_uid, owner.st_gid) != 0) {
    return base::errno_error(errno, "chown", path);
  }
  DRKIT_TRY(base::write_full(file.get(), bytes, path));
  DRKIT_TRY(base::fsync_file(file.get(), path));
  return file.close(path);
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<void> write_pitr_settings(const std::string& data_dir, const PitrPlan& plan, const PitrSettings& settings) {
  using namespace systems::postgres;
  DRKIT_TRY(refuse_running_server(data_dir));
  struct stat owner {};
  if (::stat((data_dir + "/PG_VERSION").c_str(), &owner) != 0) {
    return Error(ErrorCode::not_found, "this is no data directory").with("path", data_dir);
  }
  const std::string standby = data_dir + "/standby.signal";
  const auto disabled = base::rename_replace(AT_FDCWD, standby, AT_FDCWD, standby + ".disabled");
  if (!disabled && disabled.error().code() != ErrorCode::not_found) return disabled.error();
  DRKIT_ASSIGN(const auto version, base::read_text_file(data_dir + "/PG_VERSION"));
  const std::string text = settings_text(plan, settings, version ? std::atoi(version->c_str()) : 0);
  DRKIT_TRY(write_owned(data_dir + "/postgresql.auto.conf", O_APPEND, as_bytes(text), owner));
  DRKIT_TRY(write_owned(data_dir + "/recovery.signal", O_TRUNC, {}, owner));
  return base::fsync_directory(data_dir);
}

}  // namespace drkit
