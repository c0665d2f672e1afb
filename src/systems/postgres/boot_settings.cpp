#include "systems/postgres/boot_settings.hpp"

#include <map>

namespace drkit::systems::postgres {

std::vector<std::string> boot_arguments(const BootPlace& place, const PostgresBootOptions& options) {
  std::map<std::string, std::string> settings{
      // A configuration that was copied along may name the live cluster's places.
      {"data_directory", place.data_dir},
      {"hba_file", place.hba_file()},
      {"ident_file", place.ident_file()},
      {"external_pid_file", ""},
      // Nobody but this process reaches it.
      {"listen_addresses", ""},
      {"port", std::to_string(kBootPort)},
      {"unix_socket_directories", place.scratch},
      {"unix_socket_group", ""},
      {"unix_socket_permissions", "0700"},
      {"ssl", "off"},
      {"bonjour", "off"},
      // And it reaches nobody: no archive, no primary, no standby, no publisher.
      {"archive_mode", "off"},
      {"archive_command", ""},
      {"archive_library", ""},
      {"restore_command", ""},
      {"archive_cleanup_command", ""},
      {"recovery_end_command", ""},
      {"primary_conninfo", ""},
      {"primary_slot_name", ""},
      {"synchronous_standby_names", ""},
      {"max_logical_replication_workers", "0"},
      // It changes as little as it can and ends when something crashes.
      {"autovacuum", "off"},
      {"default_transaction_read_only", "off"},
      {"restart_after_crash", "off"},
      // The machine may be smaller than the one that the configuration was written for.
      {"shared_buffers", options.shared_buffers},
      {"huge_pages", "try"},
      {"logging_collector", "off"},
      {"log_destination", "stderr"},
  };
  if (!options.keep_preload_libraries) settings["shared_preload_libraries"] = "";
  if (!options.durable) settings["fsync"] = "off";
  if (place.own_configuration) settings["config_file"] = place.config_file();
  if (place.major_version >= 17) {
    settings["event_triggers"] = "off";
    settings["summarize_wal"] = "off";
    settings["sync_replication_slots"] = "off";
  }
  std::vector<std::string> arguments;
  for (const auto& [name, value] : settings) {
    arguments.push_back("-c");
    arguments.push_back(name + "=" + value);
  }
  return arguments;
}

}  // namespace drkit::systems::postgres
