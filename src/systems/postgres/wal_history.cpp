#include "systems/postgres/wal_history.hpp"

#include <charconv>

namespace drkit::systems::postgres {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

Result<HistoryLine> parse_line(std::string_view line) {
  HistoryLine entry;
  const std::string_view id = take_word(line), position = take_word(line);
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), entry.timeline);
  if (id.empty() || error != std::errc() || end != id.data() + id.size() || entry.timeline == 0) {
    return Error(ErrorCode::corrupt, "a line of a timeline history is malformed");
  }
  DRKIT_ASSIGN(entry.switch_lsn, parse_lsn(position));
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  entry.reason = std::string(line.substr(0, line.find_last_not_of(kBlank) + 1));
  return entry;
}

}  // namespace

Result<std::vector<HistoryLine>> parse_history(std::string_view text) {
  std::vector<HistoryLine> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto first = line.find_first_not_of(kBlank);
    if (first == std::string_view::npos || line[first] == '#') continue;
    DRKIT_ASSIGN(HistoryLine entry, parse_line(line));
    if (!lines.empty() && (entry.timeline <= lines.back().timeline || entry.switch_lsn < lines.back().switch_lsn)) {
      return Error(ErrorCode::corrupt, "a timeline history is out of order");
    }
    lines.push_back(std::move(entry));
  }
  return lines;
}

}  // namespace drkit::systems::postgres
