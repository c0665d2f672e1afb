// One session with a server over libpq, non-blocking underneath so that a caller's cancel is answered in time.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <drkit/context.hpp>
#include <drkit/result.hpp>

namespace drkit::systems::postgres {

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ResultDeleter>;

struct CopyDeleter {
  void operator()(char* bytes) const { PQfreemem(bytes); }
};

/// One CopyData message; empty (null bytes) at the end of the copy.
struct CopyMessage {
  std::unique_ptr<char, CopyDeleter> bytes;
  std::size_t size = 0;
  bool at_end() const { return bytes == nullptr; }
  ByteView view() const { return {reinterpret_cast<const std::byte*>(bytes.get()), size}; }
};

using ConnectionParameters = std::vector<std::pair<std::string, std::string>>;

/// Splits a connection string or URI into keywords and values.
/// Errors: invalid_argument; the message never repeats the string, which may hold a password.
Result<ConnectionParameters> parse_conninfo(const std::string& conninfo);

/// "host:port" of the parameters, for people; never with a secret.
std::string server_name(const ConnectionParameters& parameters);

/// A session. What libpq reads by itself (PG* variables, .pgpass, service files) holds here too; name resolution is
/// libpq's and blocks. Destruction closes the socket, at which the server stops what it was doing.
/// Errors: as code_of_sqlstate; unavailable when the connection is lost; cancelled within 0.2 s; timeout.
/// Thread-safety: one thread at a time.
class Connection {
 public:
  /// `overrides` win over the parameters, for example {"replication", "true"}.
  static Result<std::unique_ptr<Connection>> open(const Context& ctx, const ConnectionParameters& parameters,
                                                  const ConnectionParameters& overrides,
                                                  std::chrono::milliseconds timeout);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// For example 150020.
  int server_version() const { return PQserverVersion(connection_); }
  /// The server's own words, for example "15.20 (Debian 15.20-0+deb12u1)".
  std::string parameter(const char* name) const;

  Result<void> send(const Context& ctx, const std::string& sql);
  /// The next result of what was sent; null when there is no more. A failed result is an error.
  Result<ResultPtr> next_result(const Context& ctx);
  /// The next message of a running COPY OUT.
  Result<CopyMessage> next_copy(const Context& ctx);
  /// Everything that a running COPY IN shall have, and its end. The result of the copy comes from next_result.
  Result<void> copy_in(const Context& ctx, ByteView bytes);
  /// Takes the results that a failed statement has left, so that the session can go on. Errors: when it cannot.
  Result<void> drop_results(const Context& ctx);
  /// Sends one statement and gives its first result, which must have rows.
  Result<ResultPtr> query(const Context& ctx, const std::string& sql);

  /// The variables with which libpq in another process opens the same session, for a database or the same one (""). One
  /// may be the password: they are for a child's environment, never for a command line. Errors: unsupported when a
  /// secret has no variable.
  Result<std::map<std::string, std::string>> environment(const std::string& database) const;

  /// Takes what has arrived without waiting. Errors: unavailable when the server closed the session.
  Result<void> check_alive(const Context& ctx);

  /// For a protocol of its own, such as a copy in both directions. Borrowed.
  PGconn* native() const { return connection_; }

  /// Warnings of the server so far (the first few of them).
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  explicit Connection(PGconn* connection) : connection_(connection) {}
  Result<void> finish_connecting(const Context& ctx, std::chrono::steady_clock::time_point deadline);
  Result<void> wait(const Context& ctx, bool for_reading) const;
  Result<void> wait_for_input(const Context& ctx);
  Result<void> flush(const Context& ctx);
  Error with_warnings(Error error) const;
  static void on_notice(void* self, const PGresult* result);

  PGconn* connection_;
  const Context* notice_context_ = nullptr;  ///< set while a call runs
  std::vector<std::string> warnings_;
};

/// Text of a field; empty for NULL.
std::string field(const ResultPtr& result, int row, int column);

}  // namespace drkit::systems::postgres
