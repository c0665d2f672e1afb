#include <drkit/postgres.hpp>

#include "systems/postgres/connection.hpp"

namespace drkit {

Result<std::string> conninfo_of_address(std::string_view address) {
  constexpr std::string_view kScheme = "postgres:";
  const bool is_uri = address.starts_with("postgres://") || address.starts_with("postgresql://");
  if (!is_uri && address.starts_with(kScheme)) address.remove_prefix(kScheme.size());
  std::string conninfo(address);
  DRKIT_ASSIGN(const auto parameters, systems::postgres::parse_conninfo(conninfo));
  for (const auto& [name, value] : parameters) {
    if (value.empty() || (name != "password" && name != "sslpassword")) continue;
    return Error(ErrorCode::invalid_argument,
                 "a password does not belong into an address: give it by PGPASSWORD, ~/.pgpass or passfile=FILE")
        .with("option", name);
  }
  return conninfo;
}

}  // namespace drkit
