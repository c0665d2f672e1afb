#include "systems/postgres/globals_script.hpp"

#include <algorithm>
#include <cctype>

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMostShown = 160;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || (c & 0x80) != 0;
}

std::size_t end_of_line(std::string_view text, std::size_t at) {
  const std::size_t end = text.find('\n', at);
  return end == std::string_view::npos ? text.size() : end + 1;
}

// Behind the literal or quoted name that begins at `at`.
std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool escapes =
      quote == '\'' && at > 0 && (text[at - 1] == 'E' || text[at - 1] == 'e') && (at == 1 || !is_word(text[at - 2]));
  for (++at; at < text.size(); ++at) {
    if (escapes && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (at + 1 == text.size() || text[at + 1] != quote) return at + 1;
      ++at;
    }
  }
  return text.size();
}

std::size_t end_of_statement(std::string_view text, std::size_t at) {
  bool begun = false;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '-' && text.substr(at, 2) == "--") {
      at = end_of_line(text, at);
    } else if (c == '\\' && !begun) {
      return end_of_line(text, at);
    } else if (c == '\'' || c == '"') {
      begun = true;
      at = end_of_quoted(text, at);
    } else {
      begun = begun || !is_space(c);
      ++at;
      if (c == ';') return at;
    }
  }
  return at;
}

bool take_word(std::string_view& text, std::string_view word) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (!text.starts_with(word) || (text.size() > word.size() && is_word(text[word.size()]))) return false;
  text.remove_prefix(word.size());
  return true;
}

std::optional<std::string> take_literal(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  const bool escapes = text.starts_with("E'");
  const std::size_t start = escapes ? 1 : 0;
  if (start >= text.size() || text[start] != '\'') return std::nullopt;
  const std::size_t end = end_of_quoted(text, start);
  std::string value;
  for (std::size_t i = start + 1; i + 1 < end; ++i) {
    if (text[i] == '\'' || (escapes && text[i] == '\\')) ++i;
    value += text[i];
  }
  return value;
}

}  // namespace

std::vector<std::string_view> split_statements(std::string_view script) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t end = end_of_statement(script, at);
    pieces.push_back(script.substr(at, end - at));
    at = end;
  }
  return pieces;
}

std::string_view bare_statement(std::string_view piece) {
  for (;;) {
    while (!piece.empty() && is_space(piece.front())) piece.remove_prefix(1);
    if (!piece.starts_with("--")) return piece;
    piece.remove_prefix(end_of_line(piece, 0));
  }
}

std::optional<std::string> take_identifier(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  std::string name;
  std::size_t end = 0;
  if (text.front() == '"') {
    end = end_of_quoted(text, 0);
    for (std::size_t i = 1; i + 1 < end; ++i) {
      if (text[i] == '"') ++i;
      name += text[i];
    }
  } else {
    while (end < text.size() && is_word(text[end])) ++end;
    name = std::string(text.substr(0, end));
  }
  if (name.empty()) return std::nullopt;
  text.remove_prefix(end);
  return name;
}

std::string quote_identifier(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

std::string quote_literal(std::string_view text) {
  std::string result = "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += c;
    result += c;
  }
  return result + "'";
}

std::optional<DumpedTablespace> dumped_tablespace(std::string_view statement) {
  DumpedTablespace space;
  if (!take_word(statement, "CREATE") || !take_word(statement, "TABLESPACE")) return std::nullopt;
  auto name = take_identifier(statement);
  if (!name) return std::nullopt;
  space.name = std::move(*name);
  if (take_word(statement, "OWNER")) static_cast<void>(take_identifier(statement));
  if (!take_word(statement, "LOCATION")) return std::nullopt;
  auto location = take_literal(statement);
  if (!location) return std::nullopt;
  space.location = std::move(*location);
  return space;
}

bool is_about_tablespace(std::string_view statement) {
  std::string_view rest = statement;
  if ((take_word(rest, "CREATE") || take_word(rest, "ALTER")) && take_word(rest, "TABLESPACE")) return true;
  rest = statement;
  const bool on = take_word(rest, "GRANT") || take_word(rest, "REVOKE") || take_word(rest, "COMMENT") ||
                  take_word(rest, "SECURITY");
  return on && rest.substr(0, rest.find_first_of("'\"")).find(" ON TABLESPACE ") != std::string_view::npos;
}

std::string statement_at_line(std::string_view script, std::size_t line) {
  std::size_t first = 1;
  for (const std::string_view piece : split_statements(script)) {
    const std::size_t last = first + static_cast<std::size_t>(std::count(piece.begin(), piece.end(), '\n'));
    if (line > last) {
      first = last;
      continue;
    }
    std::string_view statement = bare_statement(piece);
    if (!dumped_tablespace(statement)) {
      statement = statement.substr(0, std::min(statement.find('\''), statement.find(" PASSWORD")));
    }
    std::string shown(statement.substr(0, kMostShown));
    std::replace(shown.begin(), shown.end(), '\n', ' ');
    return shown;
  }
  return {};
}

std::string without_tablespace(std::string_view statement) {
  constexpr std::string_view kOption = " TABLESPACE = ";
  std::string_view head = statement;
  if (!take_word(head, "CREATE") || !take_word(head, "DATABASE")) return std::string(statement);
  for (std::size_t at = 0; at < statement.size();) {
    if (statement[at] == '\'' || statement[at] == '"') {
      at = end_of_quoted(statement, at);
    } else if (statement.substr(at).starts_with(kOption)) {
      std::string_view rest = statement.substr(at + kOption.size());
      if (!take_identifier(rest)) break;
      return std::string(statement.substr(0, at)) + std::string(rest);
    } else {
      ++at;
    }
  }
  return std::string(statement);
}

std::optional<std::string> tablespace_in_line(std::string_view line) {
  constexpr std::string_view kSet = "SET default_tablespace = ", kOption = " TABLESPACE = ";
  std::string_view rest;
  if (line.starts_with(kSet)) rest = line.substr(kSet.size());
  if (line.starts_with("CREATE DATABASE ") && line.find(kOption) != std::string_view::npos) {
    rest = line.substr(line.rfind(kOption) + kOption.size());
  }
  if (rest.empty() || rest.front() == '\'') return std::nullopt;
  return take_identifier(rest);
}

}  // namespace drkit::systems::postgres
