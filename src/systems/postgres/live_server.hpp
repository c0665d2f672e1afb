// Whether a server runs in a data directory.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

/// The process that postmaster.pid in this directory names, when it is alive and looks like a server.
std::optional<pid_t> running_server(const std::string& data_dir);

/// precondition_failed when there is one.
Result<void> refuse_running_server(const std::string& data_dir);

}  // namespace drkit::systems::postgres
