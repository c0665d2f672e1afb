// How a restored cluster is started for a check.
#pragma once

#include <string>
#include <vector>

#include <drkit/postgres.hpp>

namespace drkit::systems::postgres {

inline constexpr int kBootPort = 5432;  ///< only part of the socket's name

struct BootPlace {
  std::string data_dir;
  std::string scratch;  ///< holds the socket and the files below
  int major_version = 0;
  bool own_configuration = false;
  std::string config_file() const { return scratch + "/postgresql.conf"; }
  std::string hba_file() const { return scratch + "/pg_hba.conf"; }
  std::string ident_file() const { return scratch + "/pg_ident.conf"; }
  std::string log_file() const { return scratch + "/server.log"; }
  std::string output_file() const { return scratch + "/output.log"; }
};

/// "-c", "name=value", ... that win over every configuration file of the cluster.
std::vector<std::string> boot_arguments(const BootPlace& place, const PostgresBootOptions& options);

}  // namespace drkit::systems::postgres
