#include "systems/postgres/connection.hpp"

#include <poll.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <optional>

#include "systems/postgres/server_error.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr int kPollSliceMs = 100;
constexpr std::size_t kMaxWarnings = 8;

// Keeps the caller's context reachable for notices while one call runs.
class NoticeScope {
 public:
  NoticeScope(const Context*& slot, const Context& ctx) : slot_(slot) { slot_ = &ctx; }
  ~NoticeScope() { slot_ = nullptr; }
  NoticeScope(const NoticeScope&) = delete;
  NoticeScope& operator=(const NoticeScope&) = delete;

 private:
  const Context*& slot_;
};

std::string value_of(const ConnectionParameters& parameters, std::string_view key) {
  for (const auto& [name, value] : parameters) {
    if (name == key) return value;
  }
  return {};
}

// The name between the first quotes of libpq's message, when it stands as a name before a '=' and cannot be a piece of
// a secret.
std::string unknown_option(std::string_view conninfo, std::string_view message) {
  const std::size_t start = message.find('"');
  const std::size_t end = start == std::string_view::npos ? start : message.find('"', start + 1);
  if (end == std::string_view::npos || conninfo.find("pass") != std::string_view::npos) return {};
  const std::string name(message.substr(start + 1, end - start - 1));
  const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  if (name.empty() || name.size() > 40 || !std::all_of(name.begin(), name.end(), is_part)) return {};
  const std::size_t at = conninfo.find(name);
  if (at == std::string_view::npos) return {};
  std::string_view rest = conninfo.substr(at + name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest.starts_with('=') ? name : std::string();
}

LogLevel level_of(std::string_view severity) {
  if (severity == "WARNING") return LogLevel::warning;
  return severity.starts_with("DEBUG") ? LogLevel::debug : LogLevel::info;
}

}  // namespace

Result<ConnectionParameters> parse_conninfo(const std::string& conninfo) {
  char* message = nullptr;
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), &message);
  if (options == nullptr) {
    // libpq's message may quote any part of the string: nothing of it is shown but the name of an option.
    const std::string option = unknown_option(conninfo, message == nullptr ? "" : message);
    PQfreemem(message);
    if (option.empty()) return Error(ErrorCode::invalid_argument, "the connection string is malformed");
    return Error(ErrorCode::invalid_argument, "the connection string has an option that libpq does not know")
        .with("option", option);
  }
  ConnectionParameters parameters;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters.emplace_back(option->keyword, option->val);
  }
  PQconninfoFree(options);
  return parameters;
}

std::string server_name(const ConnectionParameters& parameters) {
  std::string host = value_of(parameters, "host");
  if (host.empty()) host = value_of(parameters, "hostaddr");
  const std::string service = value_of(parameters, "service");
  if (host.empty() && !service.empty()) return "service:" + service;
  const std::string port = value_of(parameters, "port");
  return (host.empty() ? "local" : host) + ":" + (port.empty() ? "5432" : port);
}

Result<std::unique_ptr<Connection>> Connection::open(const Context& ctx, const ConnectionParameters& parameters,
                                                     const ConnectionParameters& overrides,
                                                     std::chrono::milliseconds timeout) {
  DRKIT_TRY(ctx.check_cancelled());
  // A peer that vanished is noticed within two minutes unless the caller's string says otherwise: later values win.
  std::vector<const char*> names{"fallback_application_name", "keepalives_idle", "keepalives_interval",
                                 "keepalives_count"};
  std::vector<const char*> values{"drkit", "60", "15", "4"};
  for (const ConnectionParameters* list : {&parameters, &overrides}) {
    for (const auto& [name, value] : *list) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* raw = PQconnectStartParams(names.data(), values.data(), 0);
  if (raw == nullptr) return Error(ErrorCode::out_of_memory, "no memory for a connection");
  std::unique_ptr<Connection> connection(new Connection(raw));
  PQsetNoticeReceiver(raw, &Connection::on_notice, connection.get());
  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);
  const auto connected = connection->finish_connecting(ctx, ctx.clock->steady() + timeout);
  if (!connected.ok()) return Error(connected.error()).with("host", server_name(parameters));
  PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
  if (PQsetnonblocking(raw, 1) != 0) return Error(ErrorCode::io, "cannot make the connection non-blocking");
  return connection;
}

Connection::~Connection() { PQfinish(connection_); }

std::string Connection::parameter(const char* name) const {
  const char* value = PQparameterStatus(connection_, name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<void> Connection::finish_connecting(const Context& ctx, std::chrono::steady_clock::time_point deadline) {
  const NoticeScope scope(notice_context_, ctx);
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (PQstatus(connection_) != CONNECTION_BAD && status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) break;
    for (;;) {
      DRKIT_TRY(ctx.check_cancelled());
      if (ctx.clock->steady() >= deadline) {
        return Error(ErrorCode::timeout, "the server did not answer in time", Retry::yes);
      }
      pollfd descriptor{PQsocket(connection_), static_cast<short>(status == PGRES_POLLING_READING ? POLLIN : POLLOUT),
                        0};
      const int ready = ::poll(&descriptor, 1, kPollSliceMs);
      if (ready > 0) break;
      if (ready < 0 && errno != EINTR) return Error(ErrorCode::io, "cannot wait for the server");
    }
    status = PQconnectPoll(connection_);
  }
  if (PQstatus(connection_) == CONNECTION_OK) return {};
  return error_of_connection(connection_, "cannot connect to the server", true);
}

Result<void> Connection::wait(const Context& ctx, bool for_reading) const {
  for (;;) {
    DRKIT_TRY(ctx.check_cancelled());
    pollfd descriptor{PQsocket(connection_), static_cast<short>(for_reading ? POLLIN : POLLIN | POLLOUT), 0};
    const int ready = ::poll(&descriptor, 1, kPollSliceMs);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) {
      return Error(ErrorCode::io, "cannot wait for the server").with("os", std::strerror(errno));
    }
  }
}

Result<void> Connection::wait_for_input(const Context& ctx) {
  DRKIT_TRY(wait(ctx, true));
  if (PQconsumeInput(connection_) != 1) {
    return with_warnings(error_of_connection(connection_, "the connection to the server was lost", false));
  }
  return {};
}

Result<void> Connection::send(const Context& ctx, const std::string& sql) {
  const NoticeScope scope(notice_context_, ctx);
  if (PQsendQuery(connection_, sql.c_str()) != 1) {
    return error_of_connection(connection_, "cannot send a command to the server", false);
  }
  return flush(ctx);
}

Result<void> Connection::flush(const Context& ctx) {
  for (;;) {
    const int left = PQflush(connection_);
    if (left == 0) return {};
    if (left < 0) return error_of_connection(connection_, "cannot send a command to the server", false);
    DRKIT_TRY(wait(ctx, false));
    if (PQconsumeInput(connection_) != 1) {
      return error_of_connection(connection_, "the connection to the server was lost", false);
    }
  }
}

Result<ResultPtr> Connection::next_result(const Context& ctx) {
  const NoticeScope scope(notice_context_, ctx);
  DRKIT_TRY(ctx.check_cancelled());
  while (PQisBusy(connection_) != 0) DRKIT_TRY(wait_for_input(ctx));
  ResultPtr result(PQgetResult(connection_));
  if (result == nullptr) return result;
  switch (PQresultStatus(result.get())) {
    case PGRES_FATAL_ERROR:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
      return with_warnings(error_of_result(result.get(), "the server reported an error"));
    default:
      return result;
  }
}

Result<CopyMessage> Connection::next_copy(const Context& ctx) {
  const NoticeScope scope(notice_context_, ctx);
  for (;;) {
    DRKIT_TRY(ctx.check_cancelled());
    char* bytes = nullptr;
    const int size = PQgetCopyData(connection_, &bytes, 1);
    if (size > 0) return CopyMessage{std::unique_ptr<char, CopyDeleter>(bytes), static_cast<std::size_t>(size)};
    if (size == -1) return CopyMessage{};
    if (size < -1)
      return with_warnings(error_of_connection(connection_, "the connection to the server was lost", false));
    DRKIT_TRY(wait_for_input(ctx));
  }
}

Result<void> Connection::copy_in(const Context& ctx, ByteView bytes) {
  const NoticeScope scope(notice_context_, ctx);
  constexpr std::size_t kPieceBytes = 64 * 1024;
  while (!bytes.empty()) {
    const ByteView piece = bytes.first(std::min(bytes.size(), kPieceBytes));
    const int put =
        PQputCopyData(connection_, reinterpret_cast<const char*>(piece.data()), static_cast<int>(piece.size()));
    if (put < 0) return error_of_connection(connection_, "cannot send data to the server", false);
    DRKIT_TRY(flush(ctx));
    if (put == 1) bytes = bytes.subspan(piece.size());
  }
  for (;;) {
    const int put = PQputCopyEnd(connection_, nullptr);
    if (put < 0) return error_of_connection(connection_, "cannot send data to the server", false);
    DRKIT_TRY(flush(ctx));
    if (put == 1) return {};
  }
}

Result<void> Connection::drop_results(const Context& ctx) {
  for (;;) {
    const auto result = next_result(ctx);
    if (result.ok() && *result == nullptr) return {};
    if (PQstatus(connection_) != CONNECTION_OK || ctx.cancel.cancelled())
      return result.ok() ? Error(ErrorCode::unavailable, "the connection to the server was lost") : result.error();
  }
}

Result<ResultPtr> Connection::query(const Context& ctx, const std::string& sql) {
  DRKIT_TRY(send(ctx, sql));
  ResultPtr first;
  std::optional<Error> failure;
  // A failed statement is read to its end, so that the session can go on.
  for (;;) {
    auto result = next_result(ctx);
    if (!result.ok()) {
      if (!failure) failure = std::move(result).error();
      if (PQstatus(connection_) != CONNECTION_OK || ctx.cancel.cancelled()) break;
      continue;
    }
    if (*result == nullptr) break;
    if (first == nullptr) first = std::move(*result);
  }
  if (failure) return std::move(*failure);
  if (first == nullptr || PQresultStatus(first.get()) != PGRES_TUPLES_OK) {
    return Error(ErrorCode::io, "the server answered a query without rows");
  }
  return first;
}

Result<std::map<std::string, std::string>> Connection::environment(const std::string& database) const {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfo(connection_), &PQconninfoFree);
  if (options == nullptr) return Error(ErrorCode::out_of_memory, "no memory for the connection's parameters");
  std::map<std::string, std::string> variables;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    const bool set = option->val != nullptr && *option->val != '\0';
    if (set && option->envvar != nullptr) variables[option->envvar] = option->val;
    if (set && option->envvar == nullptr && std::string_view(option->dispchar) == "*") {
      return Error(ErrorCode::unsupported, "a secret of the connection string cannot be given to a program")
          .with("keyword", option->keyword);
    }
  }
  // Of several hosts the one that answered; of a password file the line that fitted.
  variables["PGHOST"] = PQhost(connection_);
  variables["PGPORT"] = PQport(connection_);
  variables["PGDATABASE"] = database.empty() ? PQdb(connection_) : database;
  if (const char* password = PQpass(connection_); password != nullptr && *password != '\0') {
    variables["PGPASSWORD"] = password;
  }
  variables["PGAPPNAME"] = "drkit";
  return variables;
}

Result<void> Connection::check_alive(const Context& ctx) {
  const NoticeScope scope(notice_context_, ctx);
  if (PQconsumeInput(connection_) == 1 && PQstatus(connection_) == CONNECTION_OK) return {};
  return with_warnings(error_of_connection(connection_, "the connection to the server was lost", false));
}

Error Connection::with_warnings(Error error) const {
  for (const std::string& warning : warnings_) add_context(error, "warning", warning);
  return error;
}

void Connection::on_notice(void* self, const PGresult* result) {
  auto& connection = *static_cast<Connection*>(self);
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string text = one_line(primary != nullptr ? primary : PQresultErrorMessage(result));
  const LogLevel level = level_of(severity == nullptr ? "" : severity);
  if (level == LogLevel::warning && connection.warnings_.size() < kMaxWarnings) connection.warnings_.push_back(text);
  if (connection.notice_context_ != nullptr) connection.notice_context_->write_log(level, "server: " + text);
}

std::string field(const ResultPtr& result, int row, int column) {
  if (row >= PQntuples(result.get()) || column >= PQnfields(result.get())) return {};
  return std::string(PQgetvalue(result.get(), row, column),
                     static_cast<std::size_t>(PQgetlength(result.get(), row, column)));
}

}  // namespace drkit::systems::postgres
