// A server process for a check: started, watched, stopped; killed when its owner goes away.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "systems/postgres/boot_settings.hpp"
#include "systems/postgres/child.hpp"
#include "systems/postgres/connection.hpp"

namespace drkit::systems::postgres {

/// Where the programs of a version are, and how they run.
struct Programs {
  std::string bin_dir;
  std::map<std::string, std::string> environment;
  std::optional<Account> account;
  std::string path(const std::string& name) const { return bin_dir + "/" + name; }
  bool has(const std::string& name) const;
};

/// Errors: unsupported, naming the program looked for.
Result<Programs> find_programs(const PostgresBootOptions& options, int major_version, const std::string& data_dir);

class BootServer {
 public:
  static Result<BootServer> start(const BootPlace& place, const Programs& programs, const PostgresBootOptions& options);
  BootServer(BootServer&&) = default;
  BootServer& operator=(BootServer&&) = delete;
  ~BootServer();

  /// True when recovery ended, false when the server exited instead. Errors: cancelled, timeout.
  Result<bool> wait_ready(const Context& ctx, std::chrono::milliseconds timeout);
  /// A fast shutdown; true when it was clean. Not cancelled by the context, but bounded.
  bool stop();

 private:
  BootServer(Child child, std::string data_dir) : child_(std::move(child)), data_dir_(std::move(data_dir)) {}
  bool is_ready() const;
  std::optional<int> stop_by(int signal, std::chrono::milliseconds patience);

  Child child_;
  std::string data_dir_;
};

/// The name of the superuser that initdb made, found out by a server in single-user mode. Errors: io, cancelled.
Result<std::string> bootstrap_superuser(const Context& ctx, const BootPlace& place, const Programs& programs,
                                        const PostgresBootOptions& options);

/// The last bytes of a file; "" when it cannot be read.
std::string tail_of_file(const std::string& path, std::size_t bytes);

}  // namespace drkit::systems::postgres
