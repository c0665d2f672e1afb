#include "systems/postgres/boot_checks.hpp"

#include <unistd.h>

#include <functional>

#include "systems/postgres/client_program.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMaxOutput = 4096;
constexpr int kMaxRows = 20;
constexpr Oid kBooleanType = 16;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The server's own complaint is what was looked for; only a caller's cancel ends the whole check.
Result<PostgresBootCheck> timed(std::string name, std::string subject, const std::function<Result<void>()>& body) {
  const auto start = std::chrono::steady_clock::now();
  PostgresBootCheck check{std::move(name), std::move(subject), true, 0, {}};
  const Result<void> outcome = body();
  if (!outcome.ok()) {
    if (outcome.error().code() == ErrorCode::cancelled) return outcome.error();
    check.ok = false;
    check.output = outcome.error().to_string().substr(0, kMaxOutput);
  }
  check.seconds = seconds_since(start);
  return check;
}

// Names of relations as SQL text, safe to be used in another statement.
constexpr const char* kTablesSql =
    "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = "
    "c.relnamespace WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND (c.relkind = 'r' OR "
    "c.relispopulated) "
    "ORDER BY 1";

// Damage in one row each: the relation and what is wrong with it.
constexpr const char* kHeapSql =
    "SELECT c.oid::regclass || ': block ' || coalesce(v.blkno::text, '?') || ': ' || v.msg FROM pg_class c, LATERAL "
    "verify_heapam(c.oid) v WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence = 'p' LIMIT 20";
constexpr const char* kIndexSql =
    "SELECT count(bt_index_check(c.oid)) FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_am a ON a.oid "
    "= "
    "c.relam WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p' AND i.indisvalid AND i.indisready";

std::string rows_as_text(const ResultPtr& result) {
  std::string text;
  for (int row = 0; row < std::min(PQntuples(result.get()), kMaxRows); ++row) {
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      if (column > 0) text += '\t';
      text += field(result, row, column);
    }
    text += '\n';
  }
  return text.substr(0, kMaxOutput);
}

bool says_false(const ResultPtr& result) {
  const bool single = PQntuples(result.get()) == 1 && PQnfields(result.get()) == 1;
  return single && PQftype(result.get(), 0) == kBooleanType && field(result, 0, 0) != "t";
}

}  // namespace

Result<std::unique_ptr<Connection>> BootSession::connect(const Context& ctx, const std::string& database) const {
  const ConnectionParameters parameters{{"host", place_.scratch},
                                        {"port", std::to_string(kBootPort)},
                                        {"user", user_},
                                        {"dbname", database},
                                        // Settings of roles and databases must not bend the checks.
                                        {"options",
                                         "-c statement_timeout=0 -c lock_timeout=0 -c "
                                         "default_transaction_read_only=off -c search_path=pg_catalog,public"},
                                        {"sslmode", "disable"},
                                        {"gssencmode", "disable"},
                                        {"passfile", place_.scratch + "/no-passwords"}};
  return Connection::open(ctx, parameters, {}, std::chrono::seconds(30));
}

Result<std::vector<std::string>> BootSession::databases(const Context& ctx) const {
  DRKIT_ASSIGN(const auto connection, connect(ctx, "template1"));
  DRKIT_ASSIGN(const ResultPtr rows,
               connection->query(ctx, "SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname"));
  std::vector<std::string> names;
  for (int row = 0; row < PQntuples(rows.get()); ++row) names.push_back(field(rows, row, 0));
  return names;
}

std::vector<std::string> BootSession::client_arguments(const std::string& program) const {
  return {programs_.path(program), "--host=" + place_.scratch, "--port=" + std::to_string(kBootPort),
          "--username=" + user_, "--no-password"};
}

Result<PostgresBootCheck> BootSession::run_program(const Context& ctx, std::vector<std::string> arguments,
                                                   std::string name, std::string subject) const {
  ChildCommand command;
  command.arguments = std::move(arguments);
  command.environment = programs_.environment;
  command.account = programs_.account;
  command.output = place_.output_file();
  command.discard_stdout = name == "dump";
  ::unlink(command.output.c_str());
  const auto start = std::chrono::steady_clock::now();
  DRKIT_ASSIGN(const int code, run_child(ctx, command));
  return PostgresBootCheck{std::move(name), std::move(subject), code == 0, seconds_since(start),
                           tail_of_file(command.output, kMaxOutput)};
}

Result<void> BootSession::amcheck(const Context& ctx, std::vector<PostgresBootCheck>& checks) const {
  {
    DRKIT_ASSIGN(const auto connection, connect(ctx, "template1"));
    DRKIT_ASSIGN(const ResultPtr available,
                 connection->query(ctx, "SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'"));
    if (PQntuples(available.get()) == 0) {
      constexpr const char* kWhy = "the extension amcheck is not installed: structures were not checked";
      ctx.write_log(LogLevel::warning, kWhy);
      checks.push_back({"amcheck", "all databases", true, 0, kWhy, true});
      return {};
    }
  }
  if (programs_.has("pg_amcheck")) {
    auto arguments = client_arguments("pg_amcheck");
    arguments.insert(arguments.end(), {"--all", "--install-missing=pg_catalog"});
    DRKIT_ASSIGN(PostgresBootCheck check, run_program(ctx, std::move(arguments), "amcheck", "all databases"));
    checks.push_back(std::move(check));
    return {};
  }
  DRKIT_ASSIGN(const std::vector<std::string> names, databases(ctx));
  for (const std::string& database : names) {
    DRKIT_ASSIGN(PostgresBootCheck check, timed("amcheck", database, [&] { return amcheck_by_sql(ctx, database); }));
    checks.push_back(std::move(check));
  }
  return {};
}

Result<void> BootSession::amcheck_by_sql(const Context& ctx, const std::string& database) const {
  DRKIT_ASSIGN(const auto connection, connect(ctx, database));
  DRKIT_TRY(connection->send(ctx, "CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public"));
  for (;;) {
    DRKIT_ASSIGN(const ResultPtr result, connection->next_result(ctx));
    if (result == nullptr) break;
  }
  DRKIT_ASSIGN(const ResultPtr damage, connection->query(ctx, kHeapSql));
  if (PQntuples(damage.get()) > 0)
    return Error(ErrorCode::corrupt, "tables are damaged").with("rows", rows_as_text(damage));
  DRKIT_TRY(connection->query(ctx, kIndexSql));
  return {};
}

Result<void> BootSession::read_everything(const Context& ctx, std::vector<PostgresBootCheck>& checks) const {
  DRKIT_ASSIGN(const std::vector<std::string> names, databases(ctx));
  for (const std::string& database : names) {
    if (programs_.has("pg_dump")) {
      auto arguments = client_arguments("pg_dump");
      arguments.push_back("--dbname=" + conninfo_of_database(database));
      DRKIT_ASSIGN(PostgresBootCheck check, run_program(ctx, std::move(arguments), "dump", database));
      checks.push_back(std::move(check));
    } else {
      DRKIT_ASSIGN(PostgresBootCheck check, timed("dump", database, [&] { return copy_every_table(ctx, database); }));
      checks.push_back(std::move(check));
    }
  }
  return {};
}

Result<void> BootSession::copy_every_table(const Context& ctx, const std::string& database) const {
  DRKIT_ASSIGN(const auto connection, connect(ctx, database));
  DRKIT_ASSIGN(const ResultPtr tables, connection->query(ctx, kTablesSql));
  for (int row = 0; row < PQntuples(tables.get()); ++row) {
    DRKIT_TRY(connection->send(ctx, "COPY (SELECT * FROM ONLY " + field(tables, row, 0) + ") TO STDOUT"));
    for (;;) {
      DRKIT_ASSIGN(const ResultPtr result, connection->next_result(ctx));
      if (result == nullptr) break;
      while (PQresultStatus(result.get()) == PGRES_COPY_OUT) {
        DRKIT_ASSIGN(const CopyMessage message, connection->next_copy(ctx));
        if (message.at_end()) break;
      }
    }
  }
  return {};
}

Result<void> BootSession::run_query(const Context& ctx, const PostgresQuery& query,
                                    std::vector<PostgresBootCheck>& checks) const {
  std::string output;
  const auto body = [&]() -> Result<void> {
    DRKIT_ASSIGN(const auto connection, connect(ctx, query.database));
    DRKIT_TRY(connection->send(ctx, query.sql));
    for (;;) {
      DRKIT_ASSIGN(const ResultPtr result, connection->next_result(ctx));
      if (result == nullptr) return {};
      if (PQresultStatus(result.get()) == PGRES_COPY_OUT || PQresultStatus(result.get()) == PGRES_COPY_IN) {
        return Error(ErrorCode::invalid_argument, "a query of a check must not be COPY");
      }
      output += rows_as_text(result);
      if (says_false(result)) return Error(ErrorCode::precondition_failed, "the query did not answer true");
    }
  };
  DRKIT_ASSIGN(PostgresBootCheck check, timed("query", query.sql, body));
  if (check.ok) check.output = output.substr(0, kMaxOutput);
  checks.push_back(std::move(check));
  return {};
}

}  // namespace drkit::systems::postgres
