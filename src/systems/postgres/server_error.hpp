// What a server or libpq says about a failure, as the library's errors.
#pragma once

#include <string>
#include <string_view>

#include <libpq-fe.h>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

/// The code that fits a five-letter SQLSTATE; io for those without a better one.
ErrorCode code_of_sqlstate(std::string_view sqlstate);

/// What the server answers about log that it removed, a slot that lost its log, and one that another connection holds.
inline constexpr std::string_view kFileGone = "58P01", kSlotLost = "55000", kSlotBusy = "55006";
bool has_sqlstate(const Error& error, std::string_view sqlstate);

/// First line, without "FATAL:" and the like at the front and without line breaks.
std::string one_line(std::string_view text);

/// Adds context in place: assigning an error the result of its own with() would be a move onto itself.
inline void add_context(Error& error, std::string key, std::string value) {
  static_cast<void>(std::move(error).with(std::move(key), std::move(value)));
}

/// An error from a result that failed; context carries "sqlstate", "server" (message), "detail" and "hint".
Error error_of_result(const PGresult* result, std::string message);

/// An error from the connection's last message. `connecting` is true when no session exists yet.
Error error_of_connection(const PGconn* connection, std::string message, bool connecting);

}  // namespace drkit::systems::postgres
