#include "systems/postgres/server_error.hpp"

#include <algorithm>
#include <array>

namespace drkit::systems::postgres {
namespace {

struct Rule {
  std::string_view prefix;
  ErrorCode code;
};

// Longer prefixes first.
constexpr std::array<Rule, 19> kRules{{
    {"0A000", ErrorCode::unsupported},          // feature_not_supported
    {"3D000", ErrorCode::not_found},            // invalid_catalog_name
    {"42501", ErrorCode::permission_denied},    // insufficient_privilege
    {"42704", ErrorCode::not_found},            // undefined_object
    {"53100", ErrorCode::no_space},             // disk_full
    {"55000", ErrorCode::precondition_failed},  // object_not_in_prerequisite_state
    {"55006", ErrorCode::precondition_failed},  // object_in_use
    {"57014", ErrorCode::unavailable},          // query_canceled
    {"57P", ErrorCode::unavailable},            // shutdowns, cannot_connect_now
    {"58P01", ErrorCode::not_found},            // undefined_file
    {"XX001", ErrorCode::corrupt},              // data_corrupted
    {"XX002", ErrorCode::corrupt},              // index_corrupted
    {"08P01", ErrorCode::unsupported},          // protocol_violation
    {"08", ErrorCode::unavailable},             // connection exceptions
    {"22", ErrorCode::invalid_argument},        // data exceptions
    {"28", ErrorCode::unauthenticated},         // invalid authorization
    {"42", ErrorCode::invalid_argument},        // syntax or access rule
    {"53", ErrorCode::unavailable},             // insufficient resources
    {"54", ErrorCode::unsupported},             // program limit exceeded
}};

Retry retry_of(ErrorCode code) { return code == ErrorCode::unavailable ? Retry::yes : Retry::no; }

bool is_sqlstate(std::string_view text) {
  return text.size() == 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

// With verbose messages libpq writes "... FATAL:  28P01: text": the only place where a refused login shows its code.
std::string_view sqlstate_in(std::string_view text) {
  for (std::size_t at = text.find(":  "); at != std::string_view::npos; at = text.find(":  ", at + 1)) {
    const std::string_view candidate = text.substr(at + 3, 5);
    if (is_sqlstate(candidate) && text.substr(at + 8, 2) == ": ") return candidate;
  }
  return {};
}

}  // namespace

ErrorCode code_of_sqlstate(std::string_view sqlstate) {
  for (const Rule& rule : kRules) {
    if (sqlstate.starts_with(rule.prefix)) return rule.code;
  }
  return ErrorCode::io;
}

bool has_sqlstate(const Error& error, std::string_view sqlstate) {
  return std::any_of(error.context().begin(), error.context().end(),
                     [&](const auto& item) { return item.first == "sqlstate" && item.second == sqlstate; });
}

std::string one_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  for (const std::string_view mark : {"ERROR:  ", "FATAL:  ", "PANIC:  "}) {
    if (text.starts_with(mark)) text.remove_prefix(mark.size());
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return std::string(text);
}

Error error_of_result(const PGresult* result, std::string message) {
  const auto field = [result](int code) {
    const char* text = PQresultErrorField(result, code);
    return text == nullptr ? std::string() : one_line(text);
  };
  const std::string sqlstate = field(PG_DIAG_SQLSTATE);
  // Without a SQLSTATE the words are libpq's own: the connection broke.
  const ErrorCode code = sqlstate.empty() ? ErrorCode::unavailable : code_of_sqlstate(sqlstate);
  Error error(code, std::move(message), retry_of(code));
  if (!sqlstate.empty()) add_context(error, "sqlstate", sqlstate);
  const std::string primary = field(PG_DIAG_MESSAGE_PRIMARY);
  add_context(error, "server", primary.empty() ? one_line(PQresultErrorMessage(result)) : primary);
  if (const std::string detail = field(PG_DIAG_MESSAGE_DETAIL); !detail.empty()) {
    add_context(error, "detail", detail);
  }
  if (const std::string hint = field(PG_DIAG_MESSAGE_HINT); !hint.empty()) add_context(error, "hint", hint);
  return error;
}

Error error_of_connection(const PGconn* connection, std::string message, bool connecting) {
  const std::string text = PQerrorMessage(connection);
  const std::string_view sqlstate = sqlstate_in(text);
  ErrorCode code = sqlstate.empty() ? ErrorCode::unavailable : code_of_sqlstate(sqlstate);
  const bool needs_password = connecting && PQconnectionNeedsPassword(connection) != 0;
  if (needs_password) code = ErrorCode::unauthenticated;
  Error error(code, std::move(message), retry_of(code));
  if (!sqlstate.empty()) add_context(error, "sqlstate", std::string(sqlstate));
  return std::move(error).with("server", one_line(text));
}

}  // namespace drkit::systems::postgres
