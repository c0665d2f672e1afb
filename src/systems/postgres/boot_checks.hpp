// What is done with a restored cluster once it runs.
#pragma once

#include <string>
#include <vector>

#include "systems/postgres/boot_server.hpp"

namespace drkit::systems::postgres {

/// A running restored cluster.
class BootSession {
 public:
  BootSession(const BootPlace& place, const Programs& programs, std::string user)
      : place_(place), programs_(programs), user_(std::move(user)) {}

  Result<std::unique_ptr<Connection>> connect(const Context& ctx, const std::string& database) const;
  /// Those that take connections.
  Result<std::vector<std::string>> databases(const Context& ctx) const;
  const std::string& user() const { return user_; }

  /// Each adds what it did to checks; an error means that it could not look.
  Result<void> amcheck(const Context& ctx, std::vector<PostgresBootCheck>& checks) const;
  Result<void> read_everything(const Context& ctx, std::vector<PostgresBootCheck>& checks) const;
  Result<void> run_query(const Context& ctx, const PostgresQuery& query, std::vector<PostgresBootCheck>& checks) const;

 private:
  std::vector<std::string> client_arguments(const std::string& program) const;
  Result<PostgresBootCheck> run_program(const Context& ctx, std::vector<std::string> arguments, std::string name,
                                        std::string subject) const;
  Result<void> amcheck_by_sql(const Context& ctx, const std::string& database) const;
  Result<void> copy_every_table(const Context& ctx, const std::string& database) const;

  const BootPlace& place_;
  const Programs& programs_;
  std::string user_;
};

}  // namespace drkit::systems::postgres
