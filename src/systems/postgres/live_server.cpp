#include "systems/postgres/live_server.hpp"

#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>

namespace drkit::systems::postgres {
namespace {

// Ids are used again after a reboot, so a process of another name does not count. What cannot be read counts.
bool looks_like_server(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream stat_file(folder + "/stat");
  std::string text;
  if (!std::getline(stat_file, text)) return true;
  const auto open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 >= text.size()) return true;
  const std::string name = text.substr(open + 1, close - open - 1);
  const bool zombie = text[close + 2] == 'Z';
  return !zombie && name.find("post") != std::string::npos;
}

}  // namespace

std::optional<pid_t> running_server(const std::string& data_dir) {
  std::ifstream file(data_dir + "/postmaster.pid");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const long pid = std::strtol(line.c_str(), nullptr, 10);
  if (pid <= 1) return std::nullopt;
  const bool exists = ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
  if (!exists || !looks_like_server(static_cast<pid_t>(pid))) return std::nullopt;
  return static_cast<pid_t>(pid);
}

Result<void> refuse_running_server(const std::string& data_dir) {
  const auto pid = running_server(data_dir);
  if (!pid) return {};
  return Error(ErrorCode::precondition_failed,
               "a PostgreSQL server with pid " + std::to_string(*pid) + " is running in " + data_dir);
}

}  // namespace drkit::systems::postgres
