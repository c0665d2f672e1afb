#include "sql_file.hpp"

#include <algorithm>
#include <cctype>

namespace cli {
namespace {

// Each finder takes the place where something begins and gives the place behind its end.

std::size_t after_quote(std::string_view sql, std::size_t at, char quote, bool backslash_escapes) {
  for (++at; at < sql.size(); ++at) {
    if (backslash_escapes && sql[at] == '\\') {
      ++at;
    } else if (sql[at] == quote) {
      if (at + 1 >= sql.size() || sql[at + 1] != quote) return at + 1;
      ++at;
    }
  }
  return sql.size();
}

std::size_t after_block_comment(std::string_view sql, std::size_t at) {
  int depth = 0;
  while (at + 1 < sql.size()) {
    const std::string_view two = sql.substr(at, 2);
    if (two == "/*") ++depth;
    if (two == "*/") --depth;
    at += two == "/*" || two == "*/" ? 2 : 1;
    if (depth == 0) return at;
  }
  return sql.size();
}

bool name_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0; }

// The length of "$tag$" here, 0 when this dollar begins none ("$1").
std::size_t dollar_tag(std::string_view sql, std::size_t at) {
  if (at > 0 && name_character(sql[at - 1])) return 0;
  std::size_t end = at + 1;
  while (end < sql.size() && name_character(sql[end])) ++end;
  const bool digit_first = std::isdigit(static_cast<unsigned char>(sql[at + 1 < sql.size() ? at + 1 : at])) != 0;
  return end < sql.size() && sql[end] == '$' && !digit_first ? end + 1 - at : 0;
}

std::size_t after_dollar_quote(std::string_view sql, std::size_t at, std::size_t tag_length) {
  const std::size_t end = sql.find(sql.substr(at, tag_length), at + tag_length);
  return end == std::string_view::npos ? sql.size() : end + tag_length;
}

bool escape_string(std::string_view sql, std::size_t quote) {
  return quote > 0 && (sql[quote - 1] == 'e' || sql[quote - 1] == 'E') &&
         (quote == 1 || !name_character(sql[quote - 2]));
}

struct Step {
  std::size_t end;  ///< behind what begins here
  bool meaningful;  ///< part of a statement, not space or a comment
};

Step step(std::string_view sql, std::size_t at) {
  const char c = sql[at];
  if (sql.substr(at, 2) == "--") return {std::min(sql.find('\n', at), sql.size()), false};
  if (sql.substr(at, 2) == "/*") return {after_block_comment(sql, at), false};
  if (c == '\'') return {after_quote(sql, at, c, escape_string(sql, at)), true};
  if (c == '"') return {after_quote(sql, at, c, false), true};
  if (c == '$') {
    const std::size_t tag = dollar_tag(sql, at);
    if (tag > 0) return {after_dollar_quote(sql, at, tag), true};
  }
  return {at + 1, std::isspace(static_cast<unsigned char>(c)) == 0};
}

}  // namespace

std::vector<std::string> split_statements(std::string_view sql) {
  std::vector<std::string> statements;
  std::size_t start = 0;
  bool meaningful = false;
  const auto cut = [&](std::size_t end) {
    if (meaningful) {
      std::string statement(sql.substr(start, end - start));
      statement.erase(0, statement.find_first_not_of(" \t\r\n"));
      statements.push_back(std::move(statement));
    }
    meaningful = false;
  };
  std::size_t at = 0;
  while (at < sql.size()) {
    if (sql[at] == ';') {
      cut(at);
      start = ++at;
      continue;
    }
    const Step next = step(sql, at);
    meaningful = meaningful || next.meaningful;
    at = next.end;
  }
  cut(sql.size());
  return statements;
}

}  // namespace cli
