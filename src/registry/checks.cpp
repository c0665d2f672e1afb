#include <drkit/registry.hpp>
#include <drkit/sources.hpp>

#include "checks/file_digests/file_digests.hpp"
#include "systems/postgres/checks.hpp"

namespace drkit {

std::vector<std::unique_ptr<Check>> builtin_checks() {
  std::vector<std::unique_ptr<Check>> checks;
  checks.push_back(checks::make_file_digests_check());
  checks.push_back(systems::postgres::make_cluster_check());
  checks.push_back(systems::postgres::make_log_check());
  checks.push_back(
      systems::postgres::make_boot_check([](std::string root) { return make_filesystem_target(std::move(root)); }));
  return checks;
}

}  // namespace drkit
